// Private keys: EC P-256 by default, RSA 2048 where a peer asks for it. They live in memory, or in files of mode 0600.
import { createPrivateKey, createPublicKey, generateKeyPair as generate, type KeyObject } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { PrivateKeyPem } from './key-pair.ts';
import { Redacted } from './redacted.ts';

const generateKeys = promisify(generate);
const MAX_KEY_PEM_BYTES = 64 * 1024;

export type KeyAlgorithm = 'ec-p256' | 'rsa-2048';

/** A fresh private key; KeyObject prints no material. */
export async function generatePrivateKey(algorithm: KeyAlgorithm = 'ec-p256'): Promise<KeyObject> {
  const { privateKey } =
    algorithm === 'ec-p256'
      ? await generateKeys('ec', { namedCurve: 'P-256' })
      : await generateKeys('rsa', { modulusLength: 2048 });
  return privateKey;
}

/** PKCS#8 PEM of a private key, redacted when printed. */
export function toPrivateKeyPem(key: KeyObject): PrivateKeyPem {
  return new Redacted(key.export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** Reads PKCS#1, SEC1 or PKCS#8 PEM; the message of a failure never quotes the input. */
export function parsePrivateKey(pem: PrivateKeyPem | string): KeyObject {
  const text = typeof pem === 'string' ? pem : pem.reveal();
  if (text.length > MAX_KEY_PEM_BYTES)
    throw new Error(`private key of ${text.length} bytes; at most ${MAX_KEY_PEM_BYTES}`);
  try {
    return createPrivateKey(text);
  } catch {
    throw new Error('private key does not parse: PEM in PKCS#1, SEC1 or PKCS#8 form without passphrase is expected');
  }
}

/** Whether the public half of a private key is this public key. */
export function isKeyOf(privateKey: KeyObject, publicKey: KeyObject): boolean {
  return createPublicKey(privateKey).equals(publicKey);
}

/** Writes a private key readable by its owner alone, replacing the file in one step. */
export async function writePrivateKey(path: string, pem: PrivateKeyPem): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, pem.reveal(), { mode: 0o600, flag: 'wx' });
  await rename(temporary, path);
}

/** Why a public key is too weak or too unusual to certify; undefined when it is fine. */
export function publicKeyProblem(key: KeyObject): string | undefined {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'ec':
      return ['prime256v1', 'secp384r1', 'secp521r1'].includes(details?.namedCurve ?? '')
        ? undefined
        : `curve ${details?.namedCurve} is not supported; use P-256`;
    case 'rsa': {
      const bits = details?.modulusLength ?? 0;
      return bits >= 2048 && bits <= 8192 ? undefined : `RSA key of ${bits} bits; 2048 to 8192 are accepted`;
    }
    default:
      return `keys of type ${key.asymmetricKeyType} are not supported; use EC P-256 or RSA`;
  }
}
