// Lines gathered and written together: when 64 KiB are waiting or 100 ms after the first, whichever comes first.

const FLUSH_BYTES = 64 * 1024;
const FLUSH_MS = 100;

export class BufferedLog {
  readonly #write: (text: string) => void;
  #pending = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  append(line: string): void {
    this.#pending += line;
    if (this.#pending.length >= FLUSH_BYTES) this.flush();
    else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.flush(), FLUSH_MS);
      this.#timer.unref();
    }
  }

  flush(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    this.#write(text);
  }
}
