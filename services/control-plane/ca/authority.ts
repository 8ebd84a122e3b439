// The mesh's certificate authority: keeps the signing key, answers CSRs, issues istiod's own server certificate.
import { createPublicKey } from 'node:crypto';
import { waitFor } from '#lib/backoff/backoff.ts';
import { issueCertificate } from '#lib/tls/certificate.ts';
import { parseCsr } from '#lib/tls/certificate-request.ts';
import type { KeyPair } from '#lib/tls/key-pair.ts';
import { generatePrivateKey, toPrivateKeyPem } from '#lib/tls/keys.ts';
import { parseCertificates } from '#lib/tls/pem.ts';
import { fetchPluggedIn, PLUGGED_IN_DIR } from './plugged-in.ts';
import { CLOCK_SKEW_MS, fetchSelfSigned, refreshSelfSigned } from './self-signed.ts';
import { chainPems, notAfterOf, type SigningMaterial } from './signing-material.ts';

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
  serverCertificate(dnsNames: readonly string[], ttlSeconds?: number): Promise<KeyPair>;
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
  /** DEFAULT_WORKLOAD_CERT_TTL. @default 86400 */
  readonly defaultTtlSeconds?: number;
  /** MAX_WORKLOAD_CERT_TTL. @default 7776000 */
  readonly maxTtlSeconds?: number;
  /** How often the Secret or folder is read again; a plugged-in folder sixty times as often. @default 3600000 */
  readonly checkIntervalMs?: number;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly log?: (line: string) => void;
}

const DAY_SECONDS = 86_400;
/** Server certificates of ours; renewed long before. */
const SERVER_TTL_SECONDS = 90 * DAY_SECONDS;

/**
 * Loads the plugged-in CA, else the self-signed one (made on first use, one for all replicas), and watches for changes
 * until the signal aborts.
 */
export async function createCa(options: CaOptions, signal: AbortSignal): Promise<CertificateAuthority> {
  const { now = Date.now, log = () => {}, pluggedInDir = PLUGGED_IN_DIR } = options;
  const selfSigned = { store: options.store, trustDomain: options.trustDomain, now, log };
  const pluggedIn = await fetchPluggedIn(pluggedInDir, now());
  const ca = new Authority(pluggedIn ?? (await fetchSelfSigned(selfSigned)), options);
  const refresh = async (current: SigningMaterial): Promise<SigningMaterial> =>
    current.kind === 'self-signed'
      ? refreshSelfSigned(current, selfSigned)
      : keepTrust(current, (await fetchPluggedIn(pluggedInDir, now())) ?? current);
  void watch(ca, refresh, options, signal);
  return ca;
}

/** A new signer is taken only when everybody who trusts the old roots will go on trusting. */
function keepTrust(current: SigningMaterial, next: SigningMaterial): SigningMaterial {
  const roots = new Set(parseCertificates(next.rootCertPem).map((root) => root.fingerprint256));
  if (parseCertificates(current.rootCertPem).every((root) => roots.has(root.fingerprint256))) return next;
  throw new Error(
    'the new plugged-in CA drops a root that workloads still trust; put old and new roots into root-cert.pem first',
  );
}

async function watch(
  ca: Authority,
  refresh: (current: SigningMaterial) => Promise<SigningMaterial>,
  options: CaOptions,
  signal: AbortSignal,
): Promise<void> {
  const { checkIntervalMs = 3_600_000, random = Math.random, log = () => {} } = options;
  const interval = ca.material.kind === 'self-signed' ? checkIntervalMs : checkIntervalMs / 60;
  await waitFor(interval * random(), signal);
  while (!signal.aborted) {
    try {
      ca.use(await refresh(ca.material));
    } catch (error) {
      log(`keeping the current CA: ${(error as Error).message}`);
    }
    await waitFor(interval, signal);
  }
}

class Authority implements CertificateAuthority {
  material: SigningMaterial;
  readonly #options: CaOptions;
  readonly #listeners = new Set<() => void>();

  constructor(material: SigningMaterial, options: CaOptions) {
    this.material = material;
    this.#options = options;
  }

  get rootCertPem(): string {
    return this.material.rootCertPem;
  }
  get trustDomain(): string {
    return this.#options.trustDomain;
  }
  get notAfterMs(): number {
    return notAfterOf(this.material);
  }

  use(material: SigningMaterial): void {
    if (material.fingerprint === this.material.fingerprint) return;
    this.material = material;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  sign(csrPem: string, identities: readonly string[], ttlSeconds: number): readonly string[] {
    if (identities.length === 0)
      throw new SigningError('internal', 'BUG: a certificate without an identity was asked for');
    const { defaultTtlSeconds = DAY_SECONDS, maxTtlSeconds = 90 * DAY_SECONDS } = this.#options;
    if (ttlSeconds > maxTtlSeconds) {
      throw new SigningError(
        'ttl-too-long',
        `requested TTL ${ttlSeconds} s is greater than the max allowed TTL ${maxTtlSeconds} s`,
      );
    }
    const csr = readCsr(csrPem);
    const leaf = this.#issue({
      subject: csr.commonName === undefined ? {} : { commonName: csr.commonName },
      publicKey: csr.publicKey,
      names: { uris: identities },
      ttlSeconds: ttlSeconds > 0 ? ttlSeconds : defaultTtlSeconds,
    });
    return [leaf, ...chainPems(this.material)];
  }

  async serverCertificate(dnsNames: readonly string[], ttlSeconds: number = SERVER_TTL_SECONDS): Promise<KeyPair> {
    const privateKey = await generatePrivateKey();
    const publicKey = createPublicKey(privateKey);
    const leaf = this.#issue({ subject: {}, publicKey, names: { dnsNames }, ttlSeconds });
    const certificateChainPem = [leaf, ...chainPems(this.material).slice(0, -1)].join('');
    return { certificateChainPem, privateKey: toPrivateKeyPem(privateKey) };
  }

  #issue(
    leaf: Omit<Parameters<typeof issueCertificate>[0], 'ca' | 'notBeforeMs' | 'notAfterMs'> & { ttlSeconds: number },
  ): string {
    const nowMs = (this.#options.now ?? Date.now)();
    const remainingMs = this.notAfterMs - nowMs;
    if (remainingMs <= 0)
      throw new SigningError('internal', 'the signing certificate has expired; renew the plugged-in CA');
    const notAfterMs = nowMs + Math.min(leaf.ttlSeconds * 1000, remainingMs);
    return issueCertificate({ ...leaf, ca: false, notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs }, this.material);
  }
}

function readCsr(csrPem: string): ReturnType<typeof parseCsr> {
  try {
    return parseCsr(csrPem);
  } catch (cause) {
    throw new SigningError('csr', `CSR refused: ${(cause as Error).message}`, { cause });
  }
}
