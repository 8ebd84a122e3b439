// Readers that find the end of a body in a stream of buffers. They either pass the bytes on as they came (HTTP/1.1 to
// HTTP/1.1: framing included, checked but not rebuilt) or take the framing off (HTTP/1.1 to HTTP/2).
import type { Framing } from './framing.ts';
import { isHeaderLines } from './head.ts';
import { HttpProtocolError } from './protocol-error.ts';

const MAX_EXTENSION_BYTES = 4096;
const MAX_TRAILER_BYTES = 16 * 1024;

export interface BodyReader {
  /** Reads on from `start`; returns the index behind the last byte that belongs to this body. */
  feed(buffer: Buffer, start: number): number;
  readonly done: boolean;
  /** Payload without framing of the last `feed`; empty unless the reader decodes. */
  readonly payload: Buffer[];
  /** The trailer section's lines, each ended by CRLF. */
  readonly trailers: string;
  /** Payload bytes of the last `feed`, without framing. */
  readonly payloadBytes: number;
  /** The end of the connection ends this body. */
  readonly untilClose: boolean;
}

export function bodyReader(framing: Framing, decode: boolean): BodyReader | undefined {
  switch (framing.kind) {
    case 'none':
      return undefined;
    case 'length':
      return new LengthReader(framing.bytes, decode);
    case 'chunked':
      return new ChunkedReader(decode);
    case 'close':
      return new LengthReader(Number.POSITIVE_INFINITY, decode);
  }
}

class LengthReader implements BodyReader {
  payload: Buffer[] = [];
  readonly trailers = '';
  payloadBytes = 0;
  #left: number;
  readonly #decode: boolean;

  constructor(bytes: number, decode: boolean) {
    this.#left = bytes;
    this.#decode = decode;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  get untilClose(): boolean {
    return this.#left === Number.POSITIVE_INFINITY;
  }

  feed(buffer: Buffer, start: number): number {
    const end = Math.min(buffer.length, start + this.#left);
    this.#left -= end - start;
    this.payloadBytes = end - start;
    if (this.#decode) this.payload = end > start ? [buffer.subarray(start, end)] : [];
    return end;
  }
}

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER_LINE = 6;
const TRAILER = 7;
const TRAILER_LF = 8;
const LAST_LF = 9;
const DONE = 10;

class ChunkedReader implements BodyReader {
  payload: Buffer[] = [];
  trailers = '';
  payloadBytes = 0;
  readonly untilClose = false;
  #state: number = SIZE;
  #size = 0;
  #digits = 0;
  #extension = 0;
  readonly #decode: boolean;

  constructor(decode: boolean) {
    this.#decode = decode;
  }

  get done(): boolean {
    return this.#state === DONE;
  }

  feed(buffer: Buffer, start: number): number {
    if (this.#decode) this.payload = [];
    this.payloadBytes = 0;
    let at = start;
    while (at < buffer.length && this.#state !== DONE) {
      if (this.#state === DATA) {
        const end = Math.min(buffer.length, at + this.#size);
        if (this.#decode) this.payload.push(buffer.subarray(at, end));
        this.payloadBytes += end - at;
        this.#size -= end - at;
        at = end;
        if (this.#size === 0) this.#state = DATA_CR;
      } else {
        this.#step(buffer[at] ?? 0);
        at++;
      }
    }
    return at;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case SIZE:
        this.#sizeByte(byte);
        return;
      case EXTENSION:
        if (byte === 13) this.#state = SIZE_LF;
        else if (byte === 10 || byte === 0 || ++this.#extension > MAX_EXTENSION_BYTES)
          throw malformed('a chunk extension');
        return;
      case SIZE_LF:
        this.#expect(byte, 10, 'a chunk size line');
        this.#state = this.#size === 0 ? TRAILER_LINE : DATA;
        this.#digits = 0;
        return;
      case DATA_CR:
        this.#expect(byte, 13, 'the end of a chunk');
        this.#state = DATA_LF;
        return;
      case DATA_LF:
        this.#expect(byte, 10, 'the end of a chunk');
        this.#state = SIZE;
        return;
      case TRAILER_LINE:
        if (byte === 13) {
          this.#state = LAST_LF;
          return;
        }
        this.#state = TRAILER;
        this.#trailerByte(byte);
        return;
      case TRAILER:
        this.#trailerByte(byte);
        return;
      case TRAILER_LF:
        this.#expect(byte, 10, 'a trailer');
        this.trailers += '\r\n';
        this.#state = TRAILER_LINE;
        return;
      case LAST_LF:
        this.#expect(byte, 10, 'the end of the body');
        if (!isHeaderLines(this.trailers)) throw malformed('a trailer');
        this.#state = DONE;
        return;
    }
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > 13) throw malformed('a chunk size');
      this.#size = this.#size * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw malformed('a chunk size');
    if (byte === 13) this.#state = SIZE_LF;
    else if (byte === 59) this.#state = EXTENSION;
    else throw malformed('a chunk size');
  }

  #trailerByte(byte: number): void {
    if (byte === 13) {
      this.#state = TRAILER_LF;
      return;
    }
    if (byte === 10) throw malformed('a trailer');
    this.trailers += String.fromCharCode(byte);
    if (this.trailers.length > MAX_TRAILER_BYTES)
      throw new HttpProtocolError(431, 'headers_too_large', 'the trailers are too large');
  }

  #expect(byte: number, wanted: number, where: string): void {
    if (byte !== wanted) throw malformed(where);
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

function malformed(where: string): HttpProtocolError {
  return new HttpProtocolError(400, 'http1.codec_error', `${where} is malformed`);
}
