// Runs a program inside a running container, as its user, with its environment: exec probes, hooks and `kubectl exec`.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { ContainerProcess } from './container-process.ts';
import { toIdentityArguments } from './launch-script.ts';
import { childrenOf, isAlive } from './process-identity.ts';
import type { ExecResult } from './runtime.ts';

/** Output kept of a probe or hook, in bytes. */
const maxOutput = 10 * 1024;

/** Longest wait for output after the program has ended, in ms. */
const outputGraceMs = 500;

/** Arguments for nsenter that run a command in the container. */
export function toEnterArguments(container: ContainerProcess, command: readonly string[]): string[] {
  const pid = container.init?.pid ?? 0;
  return [
    `--target=${pid}`,
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--pid',
    '--root',
    '--wd',
    '/usr/bin/setpriv',
    ...toIdentityArguments(container.spec),
    '--',
    ...command,
  ];
}

/** Starts a program in the container; throws when the container does not run. */
export function spawnInContainer(
  container: ContainerProcess,
  command: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  if (container.init === undefined || !isAlive(container.init))
    throw new Error(`container ${container.name} is not running`);
  return spawn('/usr/bin/nsenter', toEnterArguments(container, command), {
    stdio,
    detached: true,
    env: Object.fromEntries(container.spec.env),
  });
}

/** Kills a process and all below it. */
export function killTree(pid: number): void {
  const children = childrenOf(pid);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
  for (const child of children) killTree(child);
}

export function execInContainer(
  container: ContainerProcess,
  command: readonly string[],
  timeoutMs: number,
): Promise<ExecResult> {
  return new Promise((resolve) => {
    let output = '';
    let timedOut = false;
    let child: ChildProcess;
    try {
      child = spawnInContainer(container, command, ['ignore', 'pipe', 'pipe']);
    } catch (error) {
      resolve({ exitCode: 126, output: (error as Error).message, timedOut: false });
      return;
    }
    const add = (chunk: Buffer): void => {
      if (output.length < maxOutput) output = (output + chunk.toString('utf8')).slice(0, maxOutput);
    };
    child.stdout?.on('data', add);
    child.stderr?.on('data', add);
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) killTree(child.pid);
    }, timeoutMs);
    const done = (exitCode: number): void => {
      clearTimeout(timer);
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ exitCode, output, timedOut });
    };
    child.once('error', (error) => {
      output = error.message;
      done(126);
    });
    // A program it left in the background may hold the pipes open: what is written by then is enough.
    child.once('exit', (code) => setTimeout(done, outputGraceMs, code ?? 137).unref());
    child.once('close', (code) => done(code ?? 137));
  });
}
