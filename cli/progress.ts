// Progress of long work: one line that is rewritten on a terminal, one line a step elsewhere.
import { paint } from './style.ts';

export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #live: boolean;
  readonly #startedAt = Date.now();
  #step = '';

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#live = out.isTTY === true;
  }

  /** A line that stays. */
  say(line: string): void {
    this.#clear();
    this.#out.write(`rig: ${line}\n`);
    this.#draw('');
  }

  step(name: string): void {
    this.#step = name;
    if (this.#live) this.#draw('');
    else this.#out.write(`${this.#elapsed()} ${name}\n`);
  }

  detail(text: string): void {
    if (this.#live) this.#draw(text);
  }

  done(line: string): void {
    this.#step = '';
    this.#clear();
    this.#out.write(`${paint('green', '✓', this.#live)} ${line}\n`);
  }

  #elapsed(): string {
    return `${((Date.now() - this.#startedAt) / 1000).toFixed(1).padStart(5)} s `;
  }

  #clear(): void {
    if (this.#live) this.#out.write('\r\x1b[2K');
  }

  #draw(detail: string): void {
    if (!this.#live || this.#step === '') return;
    this.#clear();
    const width = Math.max(20, (this.#out.columns ?? 80) - 1);
    this.#out.write(`${this.#elapsed()} ${this.#step}${detail ? `  ${detail}` : ''}`.slice(0, width));
  }
}
