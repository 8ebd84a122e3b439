// One type on one stream: what the proxy asked for, what it has been sent, what it said to that. The two protocols,
// state-of-the-world and delta, differ only in how a step is written down.
import type { EncodedResource } from './resources.ts';

/** What the proxy answered last. */
export type Answer =
  | { readonly kind: 'none' }
  | { readonly kind: 'pending'; readonly nonce: string; readonly sentAtMs: number }
  | { readonly kind: 'ack'; readonly nonce: string; readonly version: string }
  | { readonly kind: 'nack'; readonly nonce: string; readonly detail: string };

/** What has to be sent now. */
export interface Step {
  readonly send: readonly EncodedResource[];
  readonly removed: readonly string[];
}

export class Subscription {
  readonly typeUrl: string;
  /** Whether everything of this type is wanted. */
  wildcard = false;
  readonly names = new Set<string>();
  answer: Answer = { kind: 'none' };
  /** Nonce and version of the last response. */
  sentNonce = '';
  sentVersion = '';
  readonly #sent = new Map<string, string>();

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** A proxy that reconnects says what it has: nothing of that is sent again. */
  has(name: string, version: string): void {
    this.#sent.set(name, version);
  }

  /** Forgets that a resource was sent, so that it is sent again. */
  forget(name: string): void {
    this.#sent.delete(name);
  }

  /** Resources that are wanted and differ from what was sent; with `force`, all that are wanted. */
  step(all: ReadonlyMap<string, EncodedResource>, force = false): Step {
    const send: EncodedResource[] = [];
    if (this.wildcard) {
      for (const it of all.values()) if (force || this.#sent.get(it.name) !== it.version) send.push(it);
    } else {
      for (const name of this.names) {
        const it = all.get(name);
        if (it && (force || this.#sent.get(name) !== it.version)) send.push(it);
      }
    }
    const removed: string[] = [];
    for (const name of this.#sent.keys()) if (!all.has(name) || !this.wants(name)) removed.push(name);
    return { send, removed };
  }

  /** All that is wanted, for a state-of-the-world response of a type that is sent whole. */
  wanted(all: ReadonlyMap<string, EncodedResource>): EncodedResource[] {
    return [...all.values()].filter((it) => this.wants(it.name));
  }

  recordSent(step: Step, nonce: string, version: string, nowMs: number): void {
    for (const it of step.send) this.#sent.set(it.name, it.version);
    for (const name of step.removed) this.#sent.delete(name);
    this.sentNonce = nonce;
    this.sentVersion = version;
    this.answer = { kind: 'pending', nonce, sentAtMs: nowMs };
  }

  /** Takes an ACK or NACK; false where it answers an older response and says nothing. */
  recordAnswer(nonce: string, errorDetail: string | undefined): boolean {
    if (nonce !== this.sentNonce) return false;
    this.answer =
      errorDetail === undefined
        ? { kind: 'ack', nonce, version: this.sentVersion }
        : { kind: 'nack', nonce, detail: errorDetail };
    return true;
  }
}
