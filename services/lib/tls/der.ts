// DER, the byte form of X.509: a writer, and a strict reader (definite lengths, minimal encoding, bounded depth).
// Ours instead of a library's because the few types that certificates need are a page of code, each proxy loads it,
// and ASN.1 readers that accept more than DER are where certificate libraries get their advisories from.

/** Tags used by certificates and requests. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value with its length in front. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), encodeLength(content.length), content]);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => encode(TAG.sequence, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => encode(TAG.set, ...parts);
export const octetString = (bytes: Uint8Array): Buffer => encode(TAG.octetString, bytes);
export const utf8String = (text: string): Buffer => encode(TAG.utf8String, Buffer.from(text, 'utf8'));
export const boolean = (value: boolean): Buffer => encode(TAG.boolean, Buffer.from([value ? 0xff : 0]));
export const nothing = (): Buffer => encode(TAG.null);
/** A bit string whose bit count is a multiple of eight, or that leaves `unusedBits` of its last byte out. */
export const bitString = (bytes: Uint8Array, unusedBits = 0): Buffer =>
  encode(TAG.bitString, Buffer.from([unusedBits]), bytes);
/** Context-specific and constructed: `[n] EXPLICIT`. */
export const explicit = (n: number, ...parts: readonly Uint8Array[]): Buffer => encode(0xa0 | n, ...parts);
/** Context-specific and primitive: `[n] IMPLICIT`. */
export const implicit = (n: number, bytes: Uint8Array): Buffer => encode(0x80 | n, bytes);

/** A non-negative integer from its big-endian bytes. */
export function unsignedInteger(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const minimal = bytes.subarray(start);
  return encode(TAG.integer, ((minimal[0] ?? 0) & 0x80) !== 0 ? Buffer.concat([Buffer.from([0]), minimal]) : minimal);
}

/** A dotted object identifier. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(0x80 | (left & 0x7f));
    bytes.push(...groups);
  }
  return encode(TAG.oid, Buffer.from(bytes));
}

/** A point in time as RFC 5280 wants it: two-digit years until 2049. */
export function time(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const year = Number(digits.slice(0, 4));
  if (year >= 1950 && year < 2050) return encode(TAG.utcTime, Buffer.from(`${digits.slice(2)}Z`, 'latin1'));
  return encode(TAG.generalizedTime, Buffer.from(`${digits}Z`, 'latin1'));
}

/** A value that was read: its tag, content and own bytes. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly raw: Buffer;
}

/** Bytes that are no DER, or not the structure that was asked for. */
export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DerError';
  }
}

/** Reads exactly one value that fills `bytes`. */
export function decode(bytes: Uint8Array): DerValue {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [value, end] = decodeAt(buffer, 0);
  if (end !== buffer.length) throw new DerError(`${buffer.length - end} bytes follow the value`);
  return value;
}

/** The values inside a constructed value, in order. */
export function children(value: DerValue, tag?: number): DerValue[] {
  if (tag !== undefined && value.tag !== tag) throw new DerError(`tag ${hex(value.tag)} where ${hex(tag)} is expected`);
  if ((value.tag & 0x20) === 0) throw new DerError(`tag ${hex(value.tag)} holds no values`);
  const values: DerValue[] = [];
  let offset = 0;
  while (offset < value.content.length) {
    const [child, end] = decodeAt(value.content, offset);
    values.push(child);
    offset = end;
  }
  return values;
}

function decodeAt(buffer: Buffer, offset: number): [DerValue, number] {
  const tag = buffer[offset];
  const first = buffer[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError('value ends early');
  if ((tag & 0x1f) === 0x1f) throw new DerError('tags above 30 are not used in certificates');
  let start = offset + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError('length is indefinite or above 4 GiB');
    length = 0;
    for (let i = 0; i < count; i += 1) {
      const byte = buffer[start + i];
      if (byte === undefined) throw new DerError('length ends early');
      length = length * 256 + byte;
    }
    start += count;
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('length is not minimal');
  }
  const end = start + length;
  if (end > buffer.length) throw new DerError('value is longer than what holds it');
  return [{ tag, content: buffer.subarray(start, end), raw: buffer.subarray(offset, end) }, end];
}

/** Dotted form of an object identifier. */
export function readOid(value: DerValue): string {
  if (value.tag !== TAG.oid || value.content.length === 0 || value.content.length > 64) {
    throw new DerError('an object identifier is expected');
  }
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value.content) {
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new DerError('an arc of an object identifier is too large');
    arc = arc * 128 + (byte & 0x7f);
    if ((byte & 0x80) === 0) {
      arcs.push(arc);
      arc = 0;
    }
  }
  if (((value.content.at(-1) ?? 0) & 0x80) !== 0) throw new DerError('an object identifier ends early');
  const head = arcs[0] ?? 0;
  const top = Math.min(2, Math.floor(head / 40));
  return [top, head - top * 40, ...arcs.slice(1)].join('.');
}

/** Bytes of a bit string without unused bits. */
export function readBitString(value: DerValue): Buffer {
  if (value.tag !== TAG.bitString || value.content[0] !== 0)
    throw new DerError('a bit string of whole bytes is expected');
  return value.content.subarray(1);
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}
