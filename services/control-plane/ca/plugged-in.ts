// A CA that the operator plugged in: Secret `cacerts` mounted as a folder, in Istio's own keys or those of a TLS Secret.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SigningMaterial, toSigningMaterial } from './signing-material.ts';

/** Where Secret cacerts is mounted. */
export const PLUGGED_IN_DIR = './etc/cacerts';

const ISTIO_FILES = { cert: 'ca-cert.pem', key: 'ca-key.pem', root: 'root-cert.pem', chain: 'cert-chain.pem' } as const;
const TLS_FILES = { cert: 'tls.crt', key: 'tls.key', root: 'ca.crt' } as const;

/** Reads the folder; undefined when nothing is plugged in, an Error when it is there in part or wrong. */
export async function fetchPluggedIn(dir: string, nowMs: number): Promise<SigningMaterial | undefined> {
  const istio = await readAll(dir, ISTIO_FILES);
  if (Object.values(istio).some((text) => text !== undefined)) {
    const { cert, key, root, chain } = complete(dir, ISTIO_FILES, istio);
    return materialFrom(dir, { certPem: cert, keyPem: key, rootPem: root, chainPem: chain }, nowMs);
  }
  const tls = await readAll(dir, TLS_FILES);
  if (Object.values(tls).every((text) => text === undefined)) return undefined;
  const { cert, key, root } = complete(dir, TLS_FILES, tls);
  return materialFrom(dir, { certPem: cert, keyPem: key, rootPem: root, chainPem: cert }, nowMs);
}

function materialFrom(dir: string, bundle: Parameters<typeof toSigningMaterial>[0], nowMs: number): SigningMaterial {
  try {
    return toSigningMaterial(bundle, 'plugged-in', nowMs);
  } catch (cause) {
    throw new Error(`plugged-in CA in ${dir}: ${(cause as Error).message}`, { cause });
  }
}

type Texts<T> = { -readonly [K in keyof T]: string | undefined };

async function readAll<T extends Readonly<Record<string, string>>>(dir: string, files: T): Promise<Texts<T>> {
  const read = async ([part, name]: [string, string]): Promise<[string, string | undefined]> => {
    try {
      return [part, await readFile(join(dir, name), 'utf8')];
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [part, undefined];
      throw error;
    }
  };
  return Object.fromEntries(await Promise.all(Object.entries(files).map(read))) as Texts<T>;
}

function complete<T extends Readonly<Record<string, string>>>(
  dir: string,
  files: T,
  texts: Texts<T>,
): Record<keyof T, string> {
  const missing = Object.keys(files).filter((part) => texts[part as keyof T] === undefined);
  if (missing.length === 0) return texts as Record<keyof T, string>;
  const names = missing.map((part) => files[part]).join(', ');
  throw new Error(
    `incomplete signing CA bundle in ${dir}: ${names} missing; add it, or remove the Secret cacerts to use a self-signed CA`,
  );
}
