// The mesh's certificate authority: keeps the signing key, answers CSRs, issues istiod's own server certificate.
import type { KeyPair } from '#lib/tls/key-pair.ts';

/** A certificate authority that is loaded and ready to sign. */
export interface CertificateAuthority {
  /** Trusted roots, one or several certificates; what istio-ca-root-cert holds. Changes when the signer is exchanged. */
  readonly rootCertPem: string;
  readonly trustDomain: string;
  /** When the signing certificate ends, epoch milliseconds. */
  readonly notAfterMs: number;
  /**
   * Signs a workload's CSR for identities that the caller proved; names in the CSR are ignored.
   * @param ttlSeconds zero or less means the default of 24 h; above the maximum (90 days) throws SigningError 'ttl-too-long'
   * @returns PEM elements: leaf, each intermediate, the root bundle last
   */
  sign(csrPem: string, identities: readonly string[], ttlSeconds: number): readonly string[];
  /** A key and certificate for a server of ours with these DNS names. */
  serverCertificate(dnsNames: readonly string[]): KeyPair;
  /** Called after the roots or the signer changed; returns the way to stop listening. */
  onChange(listener: () => void): () => void;
}

/** Why a CSR was not signed; `code` decides the gRPC status. */
export class SigningError extends Error {
  readonly code: 'csr' | 'ttl-too-long' | 'internal';
  constructor(code: 'csr' | 'ttl-too-long' | 'internal', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SigningError';
    this.code = code;
  }
}

/** Where a self-signed CA keeps its key: Secret istio-ca-secret, or memory in tests. */
export interface CaStore {
  /** The Secret's decoded data, or undefined when it does not exist. */
  fetch(): Promise<Readonly<Record<string, string>> | undefined>;
  /** Creates it; 'exists' when another replica was faster. */
  create(data: Readonly<Record<string, string>>): Promise<'created' | 'exists'>;
  /** Replaces the data if it is still what fetch() gave last; 'conflict' otherwise. */
  replace(data: Readonly<Record<string, string>>): Promise<'replaced' | 'conflict'>;
}

/** What a CA is made from. */
export interface CaOptions {
  readonly trustDomain: string;
  readonly store: CaStore;
  /** Folder of a plugged-in CA (Secret cacerts); used when it holds ca-cert.pem or tls.crt. @default './etc/cacerts' */
  readonly pluggedInDir?: string;
  /** @default 86400 */
  readonly defaultTtlSeconds?: number;
  /** @default 7776000 */
  readonly maxTtlSeconds?: number;
  readonly now?: () => number;
  readonly log?: (line: string) => void;
}

/** Loads the plugged-in CA, else the self-signed one (made on first use, one for all replicas); watches for changes until the signal aborts. */
export async function createCa(_options: CaOptions, _signal: AbortSignal): Promise<CertificateAuthority> {
  throw new Error('BUG: the CA is not built yet');
}
