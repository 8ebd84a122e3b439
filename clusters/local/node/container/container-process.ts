// One container attempt: launched by this node process, or adopted from a former one.
import { spawn } from 'node:child_process';
import { chmodSync, constants, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { ContainerLog } from './container-log.ts';
import { type LaunchPaths, toFstab, toInitScript, toShimScript } from './launch-script.ts';
import { isAlive, type ProcessIdentity, signalProcess, tryProcess } from './process-identity.ts';
import type { ContainerExit, ContainerSpec, RunningContainer } from './runtime.ts';

/** What a restarted node needs to know; `state.json` in the attempt's directory. */
interface ProcessState {
  readonly id: string;
  readonly shim: ProcessIdentity;
  /** First process of the container; unknown until the shim has said so. */
  readonly init?: ProcessIdentity | undefined;
  readonly startedAt: string;
}

/** Longest wait for the output of a container that has ended, in ms. */
const outputGraceMs = 2000;

/** How often an adopted container, whose parent we are not, is looked at, in ms. */
const adoptedPollMs = 250;

const maxTerminationMessage = 4096;

/** A failure before the program ran. */
export class StartError extends Error {}

export class ContainerProcess implements RunningContainer {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly startedAt: Date;
  readonly logFile: string;
  readonly exited: Promise<ContainerExit>;
  /** What it was started with; exec runs as the same user. */
  readonly spec: ContainerSpec;
  readonly init: ProcessIdentity | undefined;

  constructor(spec: ContainerSpec, state: ProcessState, logFile: string, exited: Promise<ContainerExit>) {
    this.spec = spec;
    this.id = state.id;
    this.name = spec.name;
    this.attempt = spec.attempt;
    this.startedAt = new Date(state.startedAt);
    this.logFile = logFile;
    this.init = state.init;
    this.exited = exited;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.init !== undefined) signalProcess(this.init, signal);
  }
}

function writeState(dir: string, state: ProcessState): void {
  writeFileSync(join(dir, 'state.tmp'), JSON.stringify(state), { mode: 0o600 });
  renameSync(join(dir, 'state.tmp'), join(dir, 'state.json'));
}

/** Reads both FIFOs into the log; settles when both have ended. */
function collectOutput(dir: string, logFile: string): { readonly ended: Promise<void>; close(): void } {
  const log = new ContainerLog(logFile);
  const sockets = (['stdout', 'stderr'] as const).map((stream) => {
    const socket = new Socket({
      fd: openSync(join(dir, stream), constants.O_RDONLY | constants.O_NONBLOCK),
      readable: true,
      writable: false,
    });
    socket.on('data', (chunk: Buffer) => log.write(stream, chunk));
    socket.on('error', () => socket.destroy());
    return socket;
  });
  const ended = Promise.all(
    sockets.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))),
  );
  return { ended: ended.then(() => log.end()), close: () => sockets.forEach((socket) => void socket.destroy()) };
}

function readExit(dir: string, startedAt: Date, startError?: string): ContainerExit {
  let exitCode = 137;
  let finishedAt = new Date();
  try {
    const text = readFileSync(join(dir, 'exit'), 'utf8').trim();
    if (/^\d{1,3}$/.test(text)) exitCode = Number(text);
    finishedAt = statSync(join(dir, 'exit')).mtime;
  } catch {
    // The shim was killed before it could say.
  }
  let message = '';
  try {
    message = readFileSync(join(dir, 'termination-log')).subarray(0, maxTerminationMessage).toString('utf8');
  } catch {
    // Removed by hand; no message.
  }
  return { exitCode, startedAt, finishedAt: finishedAt < startedAt ? new Date() : finishedAt, startError, message };
}

async function finish(output: { readonly ended: Promise<void>; close(): void }): Promise<void> {
  const timer = setTimeout(() => output.close(), outputGraceMs);
  await output.ended;
  clearTimeout(timer);
}

/** Starts the processes of a container; returns when the program runs, throws StartError when it could not. */
export async function launchContainer(input: {
  readonly spec: ContainerSpec;
  readonly paths: LaunchPaths;
  readonly logFile: string;
}): Promise<ContainerProcess> {
  const { spec, paths, logFile } = input;
  const { dir } = paths;
  const id = [...crypto.getRandomValues(new Uint8Array(32))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  writeFileSync(join(dir, 'spec.json'), JSON.stringify(spec), { mode: 0o600 });
  writeFileSync(join(dir, 'init.sh'), toInitScript(spec, paths), { mode: 0o600 });
  writeFileSync(join(dir, 'fstab'), toFstab(spec, paths), { mode: 0o600 });
  writeFileSync(join(dir, 'termination-log'), '');
  chmodSync(join(dir, 'termination-log'), 0o666);
  const startedAt = new Date();
  const child = spawn('/bin/sh', ['-c', toShimScript(paths)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  const shimEnded = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const shim = child.pid === undefined ? undefined : tryProcess(child.pid);
  if (shim === undefined)
    throw new StartError('cannot start /bin/sh for the container: too many processes, or no memory');
  writeState(dir, { id, shim, startedAt: startedAt.toISOString() });

  const line = child.stdio[3] as Socket;
  const report = await readReport(line);
  let output: ReturnType<typeof collectOutput> | undefined;
  if (report.pid !== undefined) output = collectOutput(dir, logFile);
  const init = report.pid === undefined ? undefined : tryProcess(report.pid);
  const state: ProcessState = { id, shim, init, startedAt: startedAt.toISOString() };
  if (!report.ok) {
    await shimEnded;
    if (output !== undefined) await finish(output);
    throw new StartError(report.error || 'the container ended before its program ran');
  }
  writeState(dir, state);
  const exited = shimEnded.then(async () => {
    if (output !== undefined) await finish(output);
    return readExit(dir, startedAt);
  });
  return new ContainerProcess(spec, state, logFile, exited);
}

/** What the set-up says on descriptor 3: `pid N`, then `ok`, or what went wrong. */
function readReport(line: Socket): Promise<{ pid: number | undefined; ok: boolean; error: string }> {
  return new Promise((resolve) => {
    let text = '';
    let settled = false;
    const done = (ok: boolean): void => {
      if (settled) return;
      settled = true;
      line.destroy();
      const pid = /^pid (\d+)$/m.exec(text)?.[1];
      const error = text
        .replace(/^(pid \d+|ok)\n/gm, '')
        .trim()
        .slice(0, 1024);
      resolve({ pid: pid === undefined ? undefined : Number(pid), ok, error });
    };
    line.setEncoding('utf8');
    line.on('data', (chunk: string) => {
      if (text.length < 65536) text += chunk;
      if (/^ok$/m.test(text)) done(true);
    });
    line.on('error', () => done(false));
    line.on('close', () => done(false));
  });
}

/** Takes over a container of a former node process, running or ended. */
export function adoptContainer(dir: string, name: string, attempt: number, logFile: string): ContainerProcess {
  let state: ProcessState | undefined;
  let spec: ContainerSpec | undefined;
  try {
    state = JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')) as ProcessState;
    spec = JSON.parse(readFileSync(join(dir, 'spec.json'), 'utf8')) as ContainerSpec;
  } catch {
    // Killed between two writes: nothing was started, or its processes are found by the shim's state alone.
  }
  const bare = { name, attempt, command: [], env: [], mounts: [], groups: [], capabilities: [] };
  const known: ContainerSpec = spec ?? {
    ...bare,
    workingDir: '/',
    uid: 0,
    gid: 0,
    privileged: false,
    noNewPrivileges: false,
    readOnlyRoot: false,
    terminationMessagePath: '/dev/termination-log',
    tty: false,
    stdin: false,
    stdinOnce: false,
  };
  const startedAt = new Date(state?.startedAt ?? Date.now());
  if (state === undefined) {
    const none: ProcessState = {
      id: '',
      shim: { pid: 0, startTicks: '', bootId: '' },
      startedAt: startedAt.toISOString(),
    };
    return new ContainerProcess(
      known,
      none,
      logFile,
      Promise.resolve(readExit(dir, startedAt, 'the node ended while the container started')),
    );
  }
  const { shim, init } = state;
  if (init === undefined && isAlive(shim)) killGroup(shim.pid);
  const alive = (): boolean => isAlive(shim) || (init !== undefined && isAlive(init));
  const running = alive();
  const output = running ? collectOutput(dir, logFile) : undefined;
  const exited = new Promise<void>((resolve) => {
    if (!running) return resolve();
    const timer = setInterval(() => {
      if (!isAlive(shim) && init !== undefined) signalProcess(init, 'SIGKILL');
      if (alive()) return;
      clearInterval(timer);
      resolve();
    }, adoptedPollMs);
  }).then(async () => {
    if (output !== undefined) await finish(output);
    return readExit(dir, startedAt);
  });
  return new ContainerProcess(known, state, logFile, exited);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
