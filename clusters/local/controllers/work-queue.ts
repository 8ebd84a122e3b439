// Keys waiting to be reconciled: each at most once in line, never twice at a time, failed ones later and later.

export interface WorkQueueOptions {
  readonly workers: number;
  /** Returns milliseconds after which to look at the key again, or nothing. */
  readonly work: (key: string) => Promise<number | undefined>;
  readonly onError: (key: string, error: unknown) => void;
  readonly signal: AbortSignal;
  /** First wait after a failure; doubles. @default 10 */
  readonly baseMs?: number | undefined;
  /** @default 5,000 */
  readonly maxMs?: number | undefined;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #active = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { timer: NodeJS.Timeout; at: number }>();
  #started = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => {
      for (const { timer } of this.#timers.values()) clearTimeout(timer);
      this.#timers.clear();
      this.#waiting.clear();
    });
  }

  /** Keys wait until this: handlers may enqueue before the caches are complete. */
  start(): void {
    this.#started = true;
    this.#pump();
  }

  add(key: string, afterMs = 0): void {
    if (this.#options.signal.aborted) return;
    if (afterMs > 0) {
      this.#later(key, afterMs);
      return;
    }
    if (this.#active.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#pump();
  }

  get idle(): boolean {
    return this.#waiting.size === 0 && this.#active.size === 0;
  }

  #later(key: string, afterMs: number): void {
    const at = performance.now() + afterMs;
    const known = this.#timers.get(key);
    if (known && known.at <= at) return;
    clearTimeout(known?.timer);
    const timer = setTimeout(
      () => {
        this.#timers.delete(key);
        this.add(key);
      },
      Math.min(afterMs, 2 ** 31 - 1),
    );
    this.#timers.set(key, { timer, at });
  }

  #pump(): void {
    while (this.#started && this.#active.size < this.#options.workers) {
      const next = this.#waiting.values().next();
      if (next.done) return;
      this.#waiting.delete(next.value);
      this.#active.add(next.value);
      void this.#run(next.value);
    }
  }

  async #run(key: string): Promise<void> {
    try {
      const afterMs = await this.#options.work(key);
      this.#failures.delete(key);
      if (afterMs !== undefined) this.#later(key, Math.max(1, afterMs));
    } catch (error) {
      if (!this.#options.signal.aborted) {
        const failures = this.#failures.get(key) ?? 0;
        this.#failures.set(key, failures + 1);
        const { baseMs = 10, maxMs = 5_000 } = this.#options;
        this.#later(key, Math.min(maxMs, baseMs * 2 ** Math.min(failures, 20)));
        this.#options.onError(key, error);
      }
    }
    this.#active.delete(key);
    if (this.#again.delete(key) && !this.#options.signal.aborted) this.#waiting.add(key);
    this.#pump();
  }
}
