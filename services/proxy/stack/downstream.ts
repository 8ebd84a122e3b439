// The client's side of an exchange, whatever protocol it speaks.
import type { Socket } from 'node:net';
import type { Framing } from '#lib/http/framing.ts';
import type { ResponseHead } from '#lib/http/head.ts';

export interface Downstream {
  /** Bodies must come without HTTP/1.1 framing. */
  readonly wantsPayload: boolean;
  /** `body` goes out with the head; `end`: nothing follows. False: wait for `onDownstreamDrain`. */
  sendHead(head: ResponseHead, framing: Framing, body: Buffer | undefined, end: boolean): boolean;
  sendData(data: Buffer, end: boolean, trailers: string): boolean;
  /** The answer cannot be completed. */
  abort(): void;
  pauseRequest(): void;
  resumeRequest(): void;
  /** Hands both connections over to each other. */
  upgrade(head: ResponseHead, upstream: Socket, rest: Buffer | undefined): void;
}
