// PKCS#10 certificate requests: made by the agent, read (bounded, self-signature checked) by the CA.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { encodeSubject, type Subject } from './certificate.ts';
import { bitString, children, DerError, decode, explicit, oid, readBitString, readOid, sequence, set } from './der.ts';
import { OID, smallInteger, type SubjectAlternativeNames, subjectAltName } from './extensions.ts';
import { publicKeyProblem } from './keys.ts';
import { PemError, parsePem, toPem } from './pem.ts';
import { signatureAlgorithm, signDer, verifyDer } from './signature.ts';

/** A request above this size is refused unread. */
export const MAX_CSR_BYTES = 16 * 1024;

/** A request, proved to be made by the holder of its key. */
export interface ParsedCsr {
  readonly publicKey: KeyObject;
  /** Only the common name matters to a mesh CA; names in extensions are never believed, so they are not read. */
  readonly commonName: string | undefined;
}

/** Makes a request for the key's public half. */
export function createCsr(privateKey: KeyObject, names: SubjectAlternativeNames, subject: Subject = {}): string {
  const info = sequence(
    smallInteger(0),
    encodeSubject(subject),
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    explicit(0, sequence(oid(OID.extensionRequest), set(sequence(subjectAltName(names, false))))),
  );
  return toPem(
    'CERTIFICATE REQUEST',
    sequence(info, signatureAlgorithm(privateKey), bitString(signDer(info, privateKey))),
  );
}

/** Reads and proves a request; throws an Error with the reason otherwise. */
export function parseCsr(pem: string): ParsedCsr {
  if (pem.length > MAX_CSR_BYTES)
    throw new PemError(`CSR of ${pem.length} bytes; at most ${MAX_CSR_BYTES} are accepted`);
  const blocks = parsePem(pem, { maxBytes: MAX_CSR_BYTES, maxBlocks: 1 });
  const block = blocks[0];
  if (block === undefined || !['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'].includes(block.label)) {
    throw new PemError('a PEM block CERTIFICATE REQUEST is expected');
  }
  const [info, algorithm, signature, ...rest] = children(decode(block.der), 0x30);
  if (info === undefined || algorithm === undefined || signature === undefined || rest.length > 0) {
    throw new DerError('a CSR has three parts: info, algorithm and signature');
  }
  const [version, subject, spki] = children(info, 0x30);
  if (version === undefined || subject === undefined || spki === undefined)
    throw new DerError('the CSR lacks a subject or key');
  const publicKey = readPublicKey(spki.raw);
  const problem = publicKeyProblem(publicKey);
  if (problem !== undefined) throw new DerError(`the CSR's key is refused: ${problem}`);
  if (!verifyDer(algorithm, info.raw, publicKey, readBitString(signature))) {
    throw new DerError("the CSR's signature does not fit its key");
  }
  return { publicKey, commonName: readCommonName(children(subject, 0x30).map((name) => children(name, 0x31))) };
}

function readPublicKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    throw new DerError("the CSR's public key does not parse");
  }
}

function readCommonName(names: ReturnType<typeof children>[]): string | undefined {
  for (const attribute of names.flat()) {
    const [id, text] = children(attribute, 0x30);
    if (id !== undefined && text !== undefined && readOid(id) === OID.commonName)
      return text.content.toString('utf8').slice(0, 64);
  }
  return undefined;
}
