// The stack: a request passes an ordered list of layers before it is routed, and the response passes them on its way back.
import type { Exchange } from './exchange.ts';

/** An answer that the proxy gives itself. */
export interface LocalReply {
  readonly status: number;
  readonly body: string;
  /** Envoy's short response flag, or ''. */
  readonly flag: string;
  /** RESPONSE_CODE_DETAILS. */
  readonly details: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** The route's response header changes do not apply. */
  readonly isPlain?: boolean;
}

/** A reply by its usual parts. */
export function failure(status: number, flag: string, details: string, body = ''): LocalReply {
  return { status, body, flag, details };
}

export type Verdict = LocalReply | undefined;

export interface Layer {
  readonly name: string;
  /** Undefined lets the request pass; a promise holds it back meanwhile. */
  onRequest?(exchange: Exchange): Verdict | Promise<Verdict>;
  /** The response's head can be changed here. */
  onResponse?(exchange: Exchange): void;
  /** All is over: count and log. */
  onEnd?(exchange: Exchange): void;
}
