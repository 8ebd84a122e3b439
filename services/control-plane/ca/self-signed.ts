// The CA that istiod makes for itself: one key for all replicas, kept in Secret istio-ca-secret; the root certificate
// is renewed with the same key when a fifth of its life is left, so that every workload keeps trusting it.
import type { X509Certificate } from 'node:crypto';
import { selfSignCertificate } from '#lib/tls/certificate.ts';
import { generatePrivateKey, toPrivateKeyPem } from '#lib/tls/keys.ts';
import type { CaStore } from './authority.ts';
import { type SigningMaterial, toSigningMaterial } from './signing-material.ts';

/** Ten years. */
export const ROOT_TTL_MS = 3650 * 24 * 3_600_000;
/** Certificates start this long before now: clocks differ. */
export const CLOCK_SKEW_MS = 120_000;
const RENEW_AT_REMAINING = 0.2;
const MAX_RACES = 5;

/** What the self-signed CA works with. */
export interface SelfSignedOptions {
  readonly store: CaStore;
  readonly trustDomain: string;
  readonly now: () => number;
  readonly log: (line: string) => void;
}

/** Loads the key and root, making them first if nobody did; whoever creates the Secret first wins. */
export async function fetchSelfSigned(options: SelfSignedOptions): Promise<SigningMaterial> {
  for (let race = 0; race < MAX_RACES; race += 1) {
    const data = await options.store.fetch();
    if (data !== undefined) return fromSecret(data, options.now());
    const privateKey = await generatePrivateKey();
    const made = toSecret(root(privateKey, options), toPrivateKeyPem(privateKey).reveal());
    if ((await options.store.create(made)) === 'created') {
      options.log('made a self-signed CA, valid for ten years, in Secret istio-ca-secret');
      return fromSecret(made, options.now());
    }
  }
  throw new Error(`Secret istio-ca-secret came and went ${MAX_RACES} times; is something deleting it?`);
}

/** Loads again what another replica wrote; renews the root when its time has come. */
export async function refreshSelfSigned(
  current: SigningMaterial,
  options: SelfSignedOptions,
): Promise<SigningMaterial> {
  const stored = await fetchSelfSigned(options);
  if (stored.fingerprint !== current.fingerprint) return stored;
  if (!isRenewalDue(stored.certificate, options.now())) return current;
  const renewed = toSecret(root(stored.privateKey, options), toPrivateKeyPem(stored.privateKey).reveal());
  if ((await options.store.replace(renewed)) === 'conflict') return fetchSelfSigned(options);
  options.log('renewed the root certificate with the same key');
  return fromSecret(renewed, options.now());
}

function isRenewalDue(certificate: X509Certificate, nowMs: number): boolean {
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  return to - nowMs < (to - from) * RENEW_AT_REMAINING;
}

function root(privateKey: SigningMaterial['privateKey'], { trustDomain, now }: SelfSignedOptions): string {
  const notBeforeMs = now() - CLOCK_SKEW_MS;
  return selfSignCertificate(
    { subject: { organization: trustDomain }, names: {}, ca: true, notBeforeMs, notAfterMs: notBeforeMs + ROOT_TTL_MS },
    privateKey,
  );
}

/** The keys that istiod writes, empty ones included: the Secret stays readable for a stock istiod. */
function toSecret(certPem: string, keyPem: string): Record<string, string> {
  return {
    'ca-cert.pem': certPem,
    'ca-key.pem': keyPem,
    'cert-chain.pem': '',
    'key.pem': '',
    'root-cert.pem': certPem,
  };
}

function fromSecret(data: Readonly<Record<string, string>>, nowMs: number): SigningMaterial {
  const certPem = data['ca-cert.pem'] ?? '';
  const keyPem = data['ca-key.pem'] ?? '';
  if (certPem === '' || keyPem === '') {
    throw new Error(
      'Secret istio-ca-secret lacks ca-cert.pem or ca-key.pem; delete it to have a new CA made (workloads then restart their trust)',
    );
  }
  try {
    const rootPem = data['root-cert.pem'] || certPem;
    return toSigningMaterial(
      { certPem, keyPem, rootPem, chainPem: data['cert-chain.pem'] ?? '' },
      'self-signed',
      nowMs,
    );
  } catch (cause) {
    throw new Error(`Secret istio-ca-secret: ${(cause as Error).message}`, { cause });
  }
}
