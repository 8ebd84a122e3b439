// `kubectl exec`: one program in a container between the streams of a client, with or without a terminal.
import type { ChildProcess } from 'node:child_process';
import { ContainerProcess } from '../container/container-process.ts';
import { killTree, spawnInContainer } from '../container/exec-command.ts';
import { Pty, type WindowSize } from '../container/pty.ts';
import type { RunningContainer } from '../container/runtime.ts';

/** What a client's protocol offers a session. Writes settle when the client has room for more. */
export interface ClientStreams {
  readonly stdin: AsyncIterable<Buffer> | undefined;
  stdout(bytes: Buffer): Promise<void>;
  stderr(bytes: Buffer): Promise<void>;
  onResize(listener: (size: WindowSize) => void): void;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
}

/** Outcome for the client, as metav1.Status on the error stream. */
export interface StreamStatus {
  readonly metadata: Record<string, never>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes: readonly { readonly reason: string; readonly message: string }[] };
  readonly code?: number;
}

export const success: StreamStatus = { metadata: {}, status: 'Success' };

export const failure = (message: string): StreamStatus => ({
  metadata: {},
  status: 'Failure',
  message,
  reason: 'InternalError',
  code: 500,
});

const exitStatus = (code: number): StreamStatus =>
  code === 0
    ? success
    : {
        metadata: {},
        status: 'Failure',
        message: `command terminated with non-zero exit code: exit status ${code}`,
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
      };

async function pump(source: AsyncIterable<Buffer>, write: (bytes: Buffer) => Promise<void>): Promise<void> {
  try {
    for await (const bytes of source) await write(bytes);
  } catch {
    // The other side has gone: what was read by then has been passed on.
  }
}

/** Runs the program to its end; never throws. */
export async function runExec(
  container: RunningContainer,
  command: readonly string[],
  tty: boolean,
  streams: ClientStreams,
): Promise<StreamStatus> {
  if (!(container instanceof ContainerProcess)) return failure('BUG: not a container of this runtime');
  if (command.length === 0) return failure('you must specify at least one command for the container');
  try {
    return await (tty ? withTerminal(container, command, streams) : withPipes(container, command, streams));
  } catch (error) {
    return failure((error as Error).message);
  }
}

/** Kills the program when its client has gone, and settles with its exit code. */
function untilExit(child: ChildProcess, gone: AbortSignal, event: 'exit' | 'close'): Promise<number> {
  return new Promise((resolve, reject) => {
    const kill = (): void => {
      if (child.pid !== undefined) killTree(child.pid);
    };
    if (gone.aborted) kill();
    gone.addEventListener('abort', kill, { once: true });
    child.once('error', reject);
    child.once(event, (code: number | null) => {
      gone.removeEventListener('abort', kill);
      resolve(code ?? 137);
    });
  });
}

async function withPipes(
  container: ContainerProcess,
  command: readonly string[],
  streams: ClientStreams,
): Promise<StreamStatus> {
  const child = spawnInContainer(container, command, [streams.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
  const { stdin, stdout, stderr } = child;
  const exit = untilExit(child, streams.gone, 'close');
  if (stdin !== null && streams.stdin !== undefined) {
    stdin.on('error', () => undefined);
    const write = (bytes: Buffer): Promise<void> =>
      new Promise((resolve) => {
        if (stdin.destroyed || stdin.write(bytes)) return resolve();
        stdin.once('drain', resolve).once('close', resolve);
      });
    void pump(streams.stdin, write).then(() => stdin.end());
  }
  const output = Promise.all([
    stdout === null ? undefined : pump(stdout, (bytes) => streams.stdout(bytes)),
    stderr === null ? undefined : pump(stderr, (bytes) => streams.stderr(bytes)),
  ]);
  const code = await exit;
  await output;
  return exitStatus(code);
}

async function withTerminal(
  container: ContainerProcess,
  command: readonly string[],
  streams: ClientStreams,
): Promise<StreamStatus> {
  const pty = new Pty();
  try {
    streams.onResize((size) => pty.resize(size));
    // setsid makes the terminal the program's own, so that Ctrl-C and job control work.
    const child = spawnInContainer(
      container,
      ['/usr/bin/setsid', '--ctty', '--wait', ...command],
      [pty.slave, pty.slave, pty.slave],
    );
    pty.started();
    const exit = untilExit(child, streams.gone, 'exit');
    if (streams.stdin !== undefined) void pump(streams.stdin, (bytes) => pty.write(bytes));
    const output = pump(pty.output, (bytes) => streams.stdout(bytes));
    const code = await exit;
    await output;
    return exitStatus(code);
  } finally {
    pty.close();
  }
}
