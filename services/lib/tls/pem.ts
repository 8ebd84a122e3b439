// PEM text to DER and back, bounded in bytes and blocks; certificates come out as node:crypto's X509Certificate.
import { X509Certificate } from 'node:crypto';

/** Limits of one PEM text. */
export interface PemLimits {
  /** @default 1048576 */
  readonly maxBytes?: number;
  /** @default 256 */
  readonly maxBlocks?: number;
}

/** PEM that is malformed, too large, or empty. */
export class PemError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PemError';
  }
}

const DEFAULT_MAX_BYTES = 1024 * 1024;
const DEFAULT_MAX_BLOCKS = 256;

/** One block of a PEM text. */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

/** All blocks of a text, in order; text between blocks is skipped, as openssl does. */
export function parsePem(text: string, limits: PemLimits = {}): PemBlock[] {
  const maxBytes = limits.maxBytes ?? DEFAULT_MAX_BYTES;
  const maxBlocks = limits.maxBlocks ?? DEFAULT_MAX_BLOCKS;
  if (text.length > maxBytes) throw new PemError(`PEM of ${text.length} bytes; at most ${maxBytes} are accepted`);
  const blocks: PemBlock[] = [];
  let position = 0;
  for (;;) {
    const begin = text.indexOf('-----BEGIN ', position);
    if (begin === -1) return blocks;
    const labelEnd = text.indexOf('-----', begin + 11);
    if (labelEnd === -1) throw new PemError('PEM block begins without a label');
    const label = text.slice(begin + 11, labelEnd);
    const endLine = `-----END ${label}-----`;
    const end = text.indexOf(endLine, labelEnd + 5);
    if (end === -1) throw new PemError(`PEM block ${printable(label)} does not end`);
    if (blocks.length === maxBlocks) throw new PemError(`more than ${maxBlocks} PEM blocks`);
    blocks.push({ label, der: decodeBase64(text.slice(labelEnd + 5, end), label) });
    position = end + endLine.length;
  }
}

function decodeBase64(text: string, label: string): Buffer {
  const compact = text.replace(/[\r\n\t ]/g, '');
  if (compact.length === 0 || compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) {
    throw new PemError(`PEM block ${printable(label)} is not base64 (headers and encrypted keys are not supported)`);
  }
  return Buffer.from(compact, 'base64');
}

/** One block, 64 characters a line, ending with a newline. */
export function toPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  return `-----BEGIN ${label}-----\n${base64.replace(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`;
}

/** The certificates of a bundle; other blocks are an error, and so is a text without one. */
export function parseCertificates(text: string, limits: PemLimits = {}): X509Certificate[] {
  const blocks = parsePem(text, limits);
  if (blocks.length === 0) throw new PemError('no PEM certificate found');
  return blocks.map(({ label, der }, index) => {
    if (label !== 'CERTIFICATE') throw new PemError(`PEM block ${printable(label)} where a CERTIFICATE is expected`);
    try {
      return new X509Certificate(der);
    } catch (cause) {
      throw new PemError(`certificate ${index + 1} does not parse: ${(cause as Error).message}`);
    }
  });
}

/** Each certificate as its own PEM text, duplicates left out. */
export function uniqueCertificatesPem(certificates: readonly X509Certificate[]): string {
  return [...new Set(certificates.map((certificate) => toPem('CERTIFICATE', certificate.raw)))].join('');
}

function printable(label: string): string {
  return JSON.stringify(label.slice(0, 40));
}
