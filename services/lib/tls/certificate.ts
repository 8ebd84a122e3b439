// Issues X.509 certificates: structure by our DER writer, signature by node:crypto.
import { createPublicKey, type KeyObject, randomBytes, type X509Certificate } from 'node:crypto';
import {
  bitString,
  children,
  decode,
  explicit,
  oid,
  readOid,
  sequence,
  set,
  time,
  unsignedInteger,
  utf8String,
} from './der.ts';
import * as ext from './extensions.ts';
import { toPem } from './pem.ts';
import { signatureAlgorithm, signDer } from './signature.ts';

/** Distinguished name, as far as meshes use it. */
export interface Subject {
  readonly organization?: string;
  readonly commonName?: string;
}

/** What a certificate says. */
export interface CertificateRequest {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly names: ext.SubjectAlternativeNames;
  readonly ca: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Who signs. */
export interface Signer {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

export function encodeSubject(subject: Subject): Buffer {
  const attribute = (id: string, text: string | undefined): Buffer[] =>
    text === undefined ? [] : [set(sequence(oid(id), utf8String(text)))];
  return sequence(
    ...attribute(ext.OID.organization, subject.organization),
    ...attribute(ext.OID.commonName, subject.commonName),
  );
}

/** Signs a certificate; its end is clamped to the signer's. */
export function issueCertificate(request: CertificateRequest, signer: Signer): string {
  const { subject, keyId } = issuerParts(signer.certificate);
  const notAfterMs = Math.min(request.notAfterMs, Date.parse(signer.certificate.validTo));
  return build({ ...request, notAfterMs }, subject, keyId, signer.privateKey);
}

/** A root: signed by its own key. */
export function selfSignCertificate(request: Omit<CertificateRequest, 'publicKey'>, privateKey: KeyObject): string {
  const publicKey = createPublicKey(privateKey);
  return build({ ...request, publicKey }, encodeSubject(request.subject), ext.keyIdOf(publicKey), privateKey);
}

function build(request: CertificateRequest, issuer: Buffer, issuerKeyId: Buffer, privateKey: KeyObject): string {
  const algorithm = signatureAlgorithm(privateKey);
  const hasNames = Object.values(request.names).some((names) => names.length > 0);
  const isSubjectEmpty = request.subject.commonName === undefined && request.subject.organization === undefined;
  const tbs = sequence(
    explicit(0, ext.smallInteger(2)),
    unsignedInteger(serialNumber()),
    algorithm,
    issuer,
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    encodeSubject(request.subject),
    request.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(
      3,
      sequence(
        ext.keyUsage(request.ca),
        ...(request.ca ? [] : [ext.extendedKeyUsage()]),
        ext.basicConstraints(request.ca),
        ...(request.ca ? [ext.subjectKeyIdentifier(ext.keyIdOf(request.publicKey))] : []),
        ext.authorityKeyIdentifier(issuerKeyId),
        ...(hasNames
          ? [ext.subjectAltName(request.names, isSubjectEmpty || (request.names.uris ?? []).length > 0)]
          : []),
      ),
    ),
  );
  return toPem('CERTIFICATE', sequence(tbs, algorithm, bitString(signDer(tbs, privateKey))));
}

/** 127 random bits: positive, and at most 20 bytes as RFC 5280 asks. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

/** Subject and key identifier of the issuer, byte for byte: chains are matched by these bytes. */
function issuerParts(certificate: X509Certificate): { subject: Buffer; keyId: Buffer } {
  const [tbs] = children(decode(certificate.raw));
  const fields = children(tbs!);
  const offset = fields[0]?.tag === 0xa0 ? 1 : 0;
  const subject = fields[offset + 4]!.raw;
  const extensions = fields.find((field) => field.tag === 0xa3);
  for (const extension of extensions === undefined ? [] : children(children(extensions)[0]!)) {
    const parts = children(extension);
    if (readOid(parts[0]!) === ext.OID.subjectKeyIdentifier)
      return { subject, keyId: decode(parts.at(-1)!.content).content };
  }
  return { subject, keyId: ext.keyIdOf(certificate.publicKey) };
}

/** Checks that a chain (leaf first) ends in one of the roots and is valid now; the reason when not. */
export function chainProblem(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  nowMs: number,
): string | undefined {
  if (chain.length === 0) return 'the chain is empty';
  if (chain.length > 10) return `the chain has ${chain.length} certificates; at most 10 are accepted`;
  for (const [index, certificate] of chain.entries()) {
    if (nowMs < Date.parse(certificate.validFrom))
      return `certificate ${index + 1} is valid only from ${certificate.validFrom}`;
    if (nowMs > Date.parse(certificate.validTo)) return `certificate ${index + 1} expired at ${certificate.validTo}`;
    if (index > 0 && !certificate.ca) return `certificate ${index + 1} is no authority`;
    if (isSignedByAny(certificate, roots)) return undefined;
    const next = chain[index + 1];
    if (next === undefined) return `certificate ${index + 1} is signed by none of the ${roots.length} roots`;
    if (!isSignedBy(certificate, next)) return `certificate ${index + 1} is not signed by certificate ${index + 2}`;
  }
  return 'the chain does not end';
}

function isSignedByAny(certificate: X509Certificate, roots: readonly X509Certificate[]): boolean {
  return roots.some((root) => certificate.fingerprint256 === root.fingerprint256 || isSignedBy(certificate, root));
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
