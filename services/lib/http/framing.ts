// How long a message's body is (RFC 9112 section 6), refusing everything that two parsers could read differently.
import { type Head, needleOf, type RequestHead, type ResponseHead } from './head.ts';
import { HttpProtocolError } from './protocol-error.ts';

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  /** Until the peer closes: responses only. */
  | { readonly kind: 'close' };

const NONE: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked' };
const CLOSE: Framing = { kind: 'close' };
const LENGTH = needleOf('content-length');
const ENCODING = needleOf('transfer-encoding');

export function requestFraming(head: RequestHead): Framing {
  return declared(head, head.minor, 400) ?? NONE;
}

export function responseFraming(head: ResponseHead, method: string): Framing {
  const status = head.status;
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return NONE;
  return declared(head, head.minor, 502) ?? CLOSE;
}

function declared(head: Head, minor: 0 | 1, status: number): Framing | undefined {
  const encoding = head.find(ENCODING);
  const length = head.find(LENGTH);
  if (encoding !== undefined) {
    if (length !== undefined) {
      throw new HttpProtocolError(
        status,
        'http1.content_length_and_chunked_not_allowed',
        'both Content-Length and Transfer-Encoding',
      );
    }
    if (minor === 0) {
      throw new HttpProtocolError(status, 'http1.transfer_encoding_not_allowed', 'Transfer-Encoding in HTTP/1.0');
    }
    if (encoding.toLowerCase() !== 'chunked') {
      throw new HttpProtocolError(
        status === 400 ? 501 : status,
        'http1.invalid_transfer_encoding',
        'a transfer coding other than chunked',
      );
    }
    return CHUNKED;
  }
  if (length === undefined) return undefined;
  if (!/^[0-9]{1,15}$/.test(length)) {
    throw new HttpProtocolError(status, 'http1.invalid_content_length', 'Content-Length is not one decimal number');
  }
  const bytes = Number(length);
  return bytes === 0 ? NONE : { kind: 'length', bytes };
}

const CONNECTION = needleOf('connection');

/** May the connection carry another message after this one, as far as this head says? */
export function keepsAlive(head: RequestHead | ResponseHead): boolean {
  const connection = head.find(CONNECTION);
  if (connection === undefined) return head.minor === 1;
  const tokens = connection.toLowerCase();
  if (/(?:^|[,\s])close(?:$|[,\s])/.test(tokens)) return false;
  return head.minor === 1 || /(?:^|[,\s])keep-alive(?:$|[,\s])/.test(tokens);
}

const UPGRADE = needleOf('upgrade');

/** The protocol an upgrade asks for (or grants), lower-case; undefined if there is none. */
export function upgradeOf(head: Head): string | undefined {
  const protocol = head.find(UPGRADE);
  if (protocol === undefined) return undefined;
  const connection = head.find(CONNECTION)?.toLowerCase() ?? '';
  return /(?:^|[,\s])upgrade(?:$|[,\s])/.test(connection) ? protocol.toLowerCase() : undefined;
}

const HOP_BY_HOP = ['keep-alive', 'proxy-connection', 'te', 'upgrade'].map(needleOf);
const TE_TRAILERS = /(?:^|[,\s])trailers(?:$|[,\s;])/i;

/**
 * Removes the headers that concern one hop only (RFC 9110 section 7.6.1), also those that Connection names.
 * Transfer-Encoding stays: bodies are passed on in the framing they came in.
 */
export function cutHopByHop(head: Head): void {
  const connection = head.find(CONNECTION);
  const te = head.find(HOP_BY_HOP[2] ?? '');
  if (connection !== undefined) {
    for (const token of connection.toLowerCase().split(',')) {
      const name = token.trim();
      if (/^[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(name) && !KEPT.has(name)) head.cut(`\r\n${name}:`);
    }
    head.cut(CONNECTION);
  }
  for (const needle of HOP_BY_HOP) head.cut(needle);
  if (te !== undefined && TE_TRAILERS.test(te)) head.append('te', 'trailers');
}

/** Names that a Connection header cannot take away: they decide framing and routing. */
const KEPT = new Set([
  'close',
  'keep-alive',
  'host',
  'content-length',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-proto',
]);
