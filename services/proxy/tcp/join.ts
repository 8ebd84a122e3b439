// Joins two sockets: bytes both ways with back-pressure, half-close passed on, the end of one is the end of the other.
import type { Socket } from 'node:net';

/**
 * @param onEnd called once, when both are closed, with the bytes of `a` to `b` and of `b` to `a`
 */
export function joinSockets(a: Socket, b: Socket, onEnd: (fromA: number, fromB: number) => void): void {
  let fromA = 0;
  let fromB = 0;
  let open = 2;
  const closed = (): void => {
    if (--open === 0) onEnd(fromA, fromB);
  };
  const pass = (from: Socket, to: Socket, count: (bytes: number) => void): void => {
    from.on('data', (chunk: Buffer) => {
      count(chunk.length);
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('error', () => to.resetAndDestroy?.());
    from.on('close', () => {
      if (!from.readableEnded) to.destroy();
      closed();
    });
  };
  pass(a, b, (bytes) => {
    fromA += bytes;
  });
  pass(b, a, (bytes) => {
    fromB += bytes;
  });
  a.resume();
  b.resume();
}
