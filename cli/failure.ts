// The one rescue point of the CLI: an error becomes a sentence and an exit code.

/** A failure the user can act on: one sentence with what, why and what to do. */
export class Failure extends Error {
  readonly exitCode: number;
  constructor(message: string, options: { exitCode?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'Failure';
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Prints an error as one line (a stack only for bugs of ours) and gives the exit code. */
export function report(error: unknown): number {
  if (error instanceof Failure) {
    process.stderr.write(`rig: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof Error && typeof (error as { problems?: unknown }).problems !== 'undefined') {
    process.stderr.write(`rig: ${error.message}\n`);
    return 1;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`rig: ${stack}\n`);
  return 1;
}
