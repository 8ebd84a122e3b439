// Bytes pushed by a socket's events, pulled by a loop: the seam between the two, bounded by pausing the socket.

export class ByteQueue implements AsyncIterable<Buffer> {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private ended = false;
  private wake: (() => void) | undefined;
  private readonly onFull: (full: boolean) => void;
  private readonly limit: number;

  /** @param onFull told true when more than `limit` bytes wait, false when there is room again */
  constructor(onFull: (full: boolean) => void = () => undefined, limit = 1 << 20) {
    this.onFull = onFull;
    this.limit = limit;
  }

  push(bytes: Buffer): void {
    if (this.ended || bytes.length === 0) return;
    this.chunks.push(bytes);
    this.size += bytes.length;
    if (this.size > this.limit) this.onFull(true);
    this.wake?.();
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const next = this.chunks.shift();
      if (next !== undefined) {
        const before = this.size;
        this.size -= next.length;
        if (before > this.limit && this.size <= this.limit) this.onFull(false);
        yield next;
        continue;
      }
      if (this.ended) return;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = undefined;
    }
  }
}
