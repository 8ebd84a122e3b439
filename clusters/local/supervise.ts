// Keeps one program running: restarted with back-off when it ends, stopped with SIGTERM and, past its grace, SIGKILL.
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import type { ProgramState } from './config.ts';

export interface ProgramOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Between a SIGTERM and a SIGKILL, in milliseconds. @default 10000 */
  readonly graceMs?: number | undefined;
  readonly onChange: (message: string) => void;
}

const firstDelayMs = 100;
const longestDelayMs = 5_000;
/** A program that ran this long starts again without delay. */
const healthyMs = 10_000;

export class Program {
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #stopping = false;
  #restarts = 0;
  #startedAt = 0;
  #delayMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastExit: string | undefined;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  start(): void {
    const { command, logFile, env, name } = this.#options;
    const log = openSync(logFile, 'a', 0o600);
    const [program, ...args] = command;
    const child = spawn(program!, args, { stdio: ['ignore', log, log], env: env ?? process.env });
    closeSync(log);
    this.#child = child;
    this.#startedAt = Date.now();
    const ended = (how: string) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#lastExit = how;
      if (this.#stopping) return;
      this.#delayMs =
        Date.now() - this.#startedAt > healthyMs
          ? firstDelayMs
          : Math.min(longestDelayMs, Math.max(firstDelayMs, this.#delayMs * 2));
      this.#restarts++;
      this.#timer = setTimeout(() => this.start(), this.#delayMs);
      this.#options.onChange(`${name} ended (${how}) and is started again in ${this.#delayMs} ms; its log: ${logFile}`);
    };
    child.on('error', (error) => ended(error.message));
    child.on('exit', (code, signal) => ended(signal ? `signal ${signal}` : `exit code ${code}`));
    this.#options.onChange(`${name} started`);
  }

  state(): ProgramState {
    return {
      name: this.#options.name,
      pid: this.#child?.pid,
      startedAt: new Date(this.#startedAt).toISOString(),
      restarts: this.#restarts,
      lastExit: this.#lastExit,
    };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#options.graceMs ?? 10_000);
    await gone;
    clearTimeout(timer);
  }
}
