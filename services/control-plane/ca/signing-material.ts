// A signing key with everything that goes with it (its certificate, intermediates, roots), checked as a whole.
import type { X509Certificate } from 'node:crypto';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { chainProblem, type Signer } from '#lib/tls/certificate.ts';
import { isKeyOf, parsePrivateKey, publicKeyProblem } from '#lib/tls/keys.ts';
import { parseCertificates, toPem, uniqueCertificatesPem } from '#lib/tls/pem.ts';

/** A complete CA. */
export interface SigningMaterial extends Signer {
  readonly kind: 'self-signed' | 'plugged-in';
  /** What workloads need between their leaf and the root: the signing certificate first; empty when it is the root. */
  readonly intermediates: readonly X509Certificate[];
  readonly rootCertPem: string;
  /** Changes exactly when something of the above changes. */
  readonly fingerprint: string;
}

/** PEM texts as they stand in a Secret or folder. */
export interface SigningBundle {
  readonly certPem: string;
  readonly keyPem: string;
  readonly rootPem: string;
  readonly chainPem: string;
}

/** Parses and checks a bundle; throws an Error that says which part is wrong. */
export function toSigningMaterial(
  bundle: SigningBundle,
  kind: SigningMaterial['kind'],
  nowMs: number,
): SigningMaterial {
  const [certificate] = parse('signing certificate', bundle.certPem);
  const roots = parse('root certificate', bundle.rootPem);
  const chain = bundle.chainPem.trim() === '' ? [] : parse('certificate chain', bundle.chainPem);
  if (certificate === undefined) throw new Error('the signing certificate is empty');
  const privateKey = parseKey(bundle.keyPem);
  if (!isKeyOf(privateKey, certificate.publicKey))
    throw new Error('the CA key does not belong to the signing certificate');
  if (!certificate.ca) throw new Error('the signing certificate is not a CA certificate (basic constraints CA:TRUE)');
  const problem = chainProblem([certificate, ...chain.filter((c) => !isSame(c, certificate))], roots, nowMs);
  if (problem !== undefined) throw new Error(`the signing certificate does not lead to the root: ${problem}`);
  const isRoot = (c: X509Certificate): boolean => roots.some((root) => isSame(root, c));
  const intermediates = [certificate, ...chain.filter((c) => !isSame(c, certificate))].filter((c) => !isRoot(c));
  const rootCertPem = uniqueCertificatesPem(roots);
  return {
    kind,
    certificate,
    privateKey,
    intermediates,
    rootCertPem,
    fingerprint: [...intermediates, ...roots, certificate].map((c) => c.fingerprint256).join(),
  };
}

/** The certificates that follow a leaf, each as its own PEM text, the root bundle last. */
export function chainPems(material: SigningMaterial): string[] {
  return [...material.intermediates.map((c) => toPem('CERTIFICATE', c.raw)), material.rootCertPem];
}

/** When the first certificate of the chain ends, epoch milliseconds. */
export function notAfterOf(material: SigningMaterial): number {
  return Math.min(...[material.certificate, ...material.intermediates].map((c) => Date.parse(c.validTo)));
}

function parse(what: string, pem: string): X509Certificate[] {
  try {
    return parseCertificates(pem);
  } catch (cause) {
    throw new Error(`the ${what} is wrong: ${(cause as Error).message}`, { cause });
  }
}

function parseKey(pem: string): KeyObject {
  const key = parsePrivateKey(pem);
  const problem = publicKeyProblem(createPublicKey(key));
  if (problem !== undefined) throw new Error(`the CA key is refused: ${problem}`);
  return key;
}

const isSame = (a: X509Certificate, b: X509Certificate): boolean => a.fingerprint256 === b.fingerprint256;
