// A secret that never prints itself: every way to turn it into text says so, and only reveal() hands it out.
import { inspect } from 'node:util';

/** Holds a secret value; printing, logging or serialising it shows `[redacted]`. */
export class Redacted<T> {
  readonly #value: T;
  constructor(value: T) {
    this.#value = value;
  }
  /** The secret itself: pass it on, never print it. */
  reveal(): T {
    return this.#value;
  }
  toString(): string {
    return '[redacted]';
  }
  toJSON(): string {
    return '[redacted]';
  }
  [Symbol.toPrimitive](): string {
    return '[redacted]';
  }
  [inspect.custom](): string {
    return '[redacted]';
  }
}
