// Collects changes: work runs once it has been quiet for a while, at the latest after the longest wait.

export interface DebounceOptions {
  /** Milliseconds without a further change after which the work runs. */
  readonly quietMs: number;
  /** Milliseconds after the first change at which it runs in any case. */
  readonly longestMs: number;
  /** Milliseconds. @default performance.now */
  readonly now?: (() => number) | undefined;
}

/** Returns the function to call on each change; nothing runs after the signal aborts. */
export function debounce(work: () => void, options: DebounceOptions, signal: AbortSignal): () => void {
  const { quietMs, longestMs, now = () => performance.now() } = options;
  let timer: NodeJS.Timeout | undefined;
  let firstAt = 0;
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  const run = (): void => {
    timer = undefined;
    work();
  };
  return () => {
    if (signal.aborted) return;
    if (timer === undefined) firstAt = now();
    else clearTimeout(timer);
    timer = setTimeout(run, Math.max(0, Math.min(quietMs, firstAt + longestMs - now())));
  };
}
