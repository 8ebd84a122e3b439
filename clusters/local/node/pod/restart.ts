// When a container that ended starts again: restart policy and crash back-off.
// @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts

/** First wait, in ms; doubled with each crash. */
const firstMs = 10_000;
/** Longest wait, in ms. */
const longestMs = 300_000;
/** A container that ran this long starts with a fresh back-off, in ms. */
const resetAfterMs = 600_000;

export function shouldRestart(policy: string, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** Waits between the crashes of one container: none before the first restart, then 10 s, 20 s, ... up to 5 minutes. */
export class CrashBackoff {
  private waitMs = 0;

  /** How long a container that ended has to wait before it may start; 0 means now. Call `restarted` when it starts. */
  remainingMs(finishedAt: Date, now: number): number {
    return Math.max(0, finishedAt.getTime() + this.waitMs - now);
  }

  get currentMs(): number {
    return this.waitMs;
  }

  /** @param ranMs how long the run before lasted */
  restarted(ranMs: number): void {
    if (ranMs >= resetAfterMs) this.waitMs = 0;
    this.waitMs = this.waitMs === 0 ? firstMs : Math.min(this.waitMs * 2, longestMs);
  }
}

/** "10s", "1m20s": a Go duration, as messages print it. */
export function toGoDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
