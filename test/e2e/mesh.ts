// A local mesh of one test file, driven as a user would: ./rig, kubectl and curl.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findKubernetesProgram } from '../harness/kubernetes-programs.ts';
import { portOffset } from '../harness/ports.ts';

const run = promisify(execFile);
export const root = resolve(import.meta.dirname, '../..');

/** A real kubectl, where this machine has one. */
export const kubectlPath = (): string | undefined => findKubernetesProgram('kubectl');

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Runs a program to its end; a non-zero exit is a result, not an exception. */
export async function execute(
  file: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; timeoutMs?: number; input?: string } = {},
): Promise<Output> {
  const promise = run(file, [...args], {
    env: options.env ?? process.env,
    timeout: options.timeoutMs ?? 300_000,
    maxBuffer: 64 << 20,
    encoding: 'utf8',
  });
  if (options.input !== undefined) promise.child.stdin?.end(options.input);
  try {
    const { stdout, stderr } = await promise;
    return { stdout, stderr, code: 0 };
  } catch (error) {
    const failure = error as { stdout?: string; stderr?: string; code?: number | string; message: string };
    return {
      stdout: failure.stdout ?? '',
      stderr: failure.stderr ?? failure.message,
      code: typeof failure.code === 'number' ? failure.code : 1,
    };
  }
}

export class Mesh {
  readonly home: string;
  readonly offset: number;
  readonly env: NodeJS.ProcessEnv;

  /** @param slot the file's own number from 1 to 50 */
  constructor(name: string, slot: number) {
    this.home = join(root, '.rig', 'test', name);
    this.offset = portOffset(slot);
    this.env = { ...process.env, RIG_HOME: this.home, KUBECONFIG: join(this.home, 'kubeconfig'), NO_COLOR: '1' };
  }

  get gateway(): string {
    return `http://127.0.0.1:${8080 + this.offset}`;
  }

  rig(...args: string[]): Promise<Output> {
    return execute(join(root, 'rig'), args, { env: this.env });
  }

  /** Brings the mesh up; throws with everything that `rig up` said if that does not end Ready. */
  async up(...args: string[]): Promise<Output> {
    const output = await this.rig('up', '-d', '--timeout', '240', '--port-offset', String(this.offset), ...args);
    if (output.code !== 0) throw new Error(`rig up failed:\n${output.stdout}\n${output.stderr}`);
    return output;
  }

  async down(): Promise<void> {
    const output = await this.rig('down');
    if (output.code !== 0) throw new Error(`rig down failed:\n${output.stdout}\n${output.stderr}`);
  }

  /** kubectl against this mesh; throws where it fails. */
  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const output = await this.tryKubectl(args, input);
    if (output.code !== 0) throw new Error(`kubectl ${args.join(' ')} failed:\n${output.stderr}\n${output.stdout}`);
    return output.stdout;
  }

  tryKubectl(args: readonly string[], input?: string): Promise<Output> {
    return execute(kubectlPath() ?? 'kubectl', args, {
      env: this.env,
      timeoutMs: 120_000,
      ...(input === undefined ? {} : { input }),
    });
  }

  spawnKubectl(args: readonly string[]): ChildProcess {
    return spawn(kubectlPath() ?? 'kubectl', [...args], { env: this.env, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** The answer of the ingress gateway. */
  async get(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: string; headers: Headers }> {
    const response = await fetch(this.gateway + path, { headers });
    return { status: response.status, body: await response.text(), headers: response.headers };
  }
}

/** Waits until a condition holds; its last value or error is in the message where it never does. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined | false>,
  timeoutMs = 60_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await attempt();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(
        `${what}: not within ${timeoutMs} ms; last: ${last instanceof Error ? last.message : String(last)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
