// A certificate chain with its private key, and the private key type that prints as redacted.
import type { Redacted } from './redacted.ts';

/** PKCS#8 private key in PEM, hidden from logs. */
export type PrivateKeyPem = Redacted<string>;

/** What a TLS server or client presents. */
export interface KeyPair {
  /** Leaf first, then intermediates; concatenated PEM. */
  readonly certificateChainPem: string;
  readonly privateKey: PrivateKeyPem;
}
