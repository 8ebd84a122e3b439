// X.509 extensions that a mesh uses, written as DER (RFC 5280 section 4.2).
import { createHash, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';
import {
  bitString,
  boolean,
  children,
  decode,
  implicit,
  octetString,
  oid,
  readBitString,
  sequence,
  unsignedInteger,
} from './der.ts';

export const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
} as const;

/** Names that a certificate speaks for. */
export interface SubjectAlternativeNames {
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  /** IPv4 only. */
  readonly addresses?: readonly string[];
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return critical ? sequence(oid(id), boolean(true), octetString(value)) : sequence(oid(id), octetString(value));
}

/** Critical for workloads: their subject is empty, so these names are all there is. */
export function subjectAltName(names: SubjectAlternativeNames, critical: boolean): Buffer {
  const ascii = (text: string): Buffer => {
    if (!/^[\x21-\x7e]+$/.test(text))
      throw new Error(`subject alternative name ${JSON.stringify(text)} is not printable ASCII`);
    return Buffer.from(text, 'latin1');
  };
  const address = (text: string): Buffer => {
    if (!isIPv4(text)) throw new Error(`address ${JSON.stringify(text)} is not IPv4`);
    return Buffer.from(text.split('.').map(Number));
  };
  return extension(
    OID.subjectAltName,
    critical,
    sequence(
      ...(names.uris ?? []).map((uri) => implicit(6, ascii(uri))),
      ...(names.dnsNames ?? []).map((name) => implicit(2, ascii(name))),
      ...(names.addresses ?? []).map((ip) => implicit(7, address(ip))),
    ),
  );
}

export function basicConstraints(ca: boolean): Buffer {
  return extension(OID.basicConstraints, true, ca ? sequence(boolean(true)) : sequence());
}

/** digitalSignature and keyEncipherment for leaves, certSign for authorities, as istiod writes them. */
export function keyUsage(ca: boolean): Buffer {
  return extension(OID.keyUsage, true, ca ? bitString(Buffer.from([0x04]), 2) : bitString(Buffer.from([0xa0]), 5));
}

export function extendedKeyUsage(): Buffer {
  return extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth), oid(OID.clientAuth)));
}

export function subjectKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension(OID.subjectKeyIdentifier, false, octetString(keyId));
}

export function authorityKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension(OID.authorityKeyIdentifier, false, sequence(implicit(0, keyId)));
}

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 of the public key's bits. A name, not a protection. */
export function keyIdOf(publicKey: KeyObject): Buffer {
  const [, bits] = children(decode(publicKey.export({ type: 'spki', format: 'der' })));
  return createHash('sha1').update(readBitString(bits!)).digest();
}

/** Version 3 of a certificate and serial numbers are plain integers. */
export const smallInteger = (value: number): Buffer => unsignedInteger(Buffer.from([value]));
