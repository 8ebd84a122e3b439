// Signature algorithms of certificates and requests: their identifiers in DER, signing and verifying by node:crypto.
import { type KeyObject, sign, verify } from 'node:crypto';
import { children, DerError, type DerValue, nothing, oid, readOid, sequence, TAG } from './der.ts';

const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const RSA_SHA256 = '1.2.840.113549.1.1.11';

/** Digest and key type by object identifier; SHA-1 and older are not here on purpose. */
const ALGORITHMS: Readonly<Record<string, { readonly hash: string; readonly keyType: 'ec' | 'rsa' }>> = {
  [ECDSA_SHA256]: { hash: 'sha256', keyType: 'ec' },
  '1.2.840.10045.4.3.3': { hash: 'sha384', keyType: 'ec' },
  '1.2.840.10045.4.3.4': { hash: 'sha512', keyType: 'ec' },
  [RSA_SHA256]: { hash: 'sha256', keyType: 'rsa' },
  '1.2.840.113549.1.1.12': { hash: 'sha384', keyType: 'rsa' },
  '1.2.840.113549.1.1.13': { hash: 'sha512', keyType: 'rsa' },
};

/** AlgorithmIdentifier for what `signDer` does with this key. */
export function signatureAlgorithm(key: KeyObject): Buffer {
  return key.asymmetricKeyType === 'rsa' ? sequence(oid(RSA_SHA256), nothing()) : sequence(oid(ECDSA_SHA256));
}

/** Signs with SHA-256. */
export function signDer(bytes: Uint8Array, key: KeyObject): Buffer {
  return sign('sha256', bytes, key);
}

/** Checks a signature made with the algorithm that `identifier` names. */
export function verifyDer(identifier: DerValue, bytes: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  const first = children(identifier, TAG.sequence)[0];
  if (first === undefined) throw new DerError('the signature algorithm is empty');
  const dotted = readOid(first);
  const algorithm = ALGORITHMS[dotted];
  if (algorithm === undefined)
    throw new DerError(`signature algorithm ${dotted} is not supported; use ECDSA or RSA with SHA-256`);
  if (algorithm.keyType !== key.asymmetricKeyType) {
    throw new DerError(`signature algorithm ${dotted} does not fit a key of type ${key.asymmetricKeyType}`);
  }
  return verify(algorithm.hash, bytes, key, signature);
}
