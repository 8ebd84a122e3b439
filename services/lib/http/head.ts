// An HTTP/1.1 message head kept as one latin1 string and searched with indexOf: no header map is built, and a head is
// forwarded by cutting lines out of it and appending lines to it.
import { HttpProtocolError } from './protocol-error.ts';

/** Largest head (start line and header lines) in bytes; Envoy's max_request_headers_kb default. */
export const MAX_HEAD_BYTES = 60 * 1024;
/** Largest number of header lines; Envoy's max_headers_count default. */
export const MAX_HEADER_LINES = 100;

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const LINES = `(?:${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n)*$`;
const REQUEST_HEAD = new RegExp(`^${TOKEN} [\\x21-\\x7e\\x80-\\xff]+ HTTP/1\\.[01]\\r\\n${LINES}`);
const RESPONSE_HEAD = new RegExp(`^HTTP/1\\.[01] [1-9][0-9]{2}(?: [\\t\\x20-\\x7e\\x80-\\xff]*)?\\r\\n${LINES}`);
const HEADER_LINES = new RegExp(`^${LINES}`);

const needles = new Map<string, string>();
/** The search string of a header name; names come from configuration and code, never from a peer. */
export function needleOf(name: string): string {
  let needle = needles.get(name);
  if (needle === undefined) {
    needle = `\r\n${name.toLowerCase()}:`;
    if (needles.size < 4096) needles.set(name, needle);
  }
  return needle;
}

/** Start line and header lines, each ended by CRLF; lookups ignore case. */
export class Head {
  text: string;
  lower: string;

  constructor(text: string) {
    this.text = text;
    this.lower = text.toLowerCase();
  }

  /** The header's value; several lines of one name are joined with a comma. Undefined if absent. */
  get(name: string): string | undefined {
    return this.find(needleOf(name));
  }

  /** As `get`, with a needle made by `needleOf`. */
  find(needle: string): string | undefined {
    const lower = this.lower;
    const at = lower.indexOf(needle);
    if (at < 0) return undefined;
    const from = at + needle.length;
    const end = lower.indexOf('\r\n', from);
    const value = this.text.slice(from, end).trim();
    const again = lower.indexOf(needle, end);
    return again < 0 ? value : value + ',' + this.#rest(needle, again);
  }

  #rest(needle: string, at: number): string {
    const values: string[] = [];
    for (let next = at; next >= 0; ) {
      const from = next + needle.length;
      const end = this.lower.indexOf('\r\n', from);
      values.push(this.text.slice(from, end).trim());
      next = this.lower.indexOf(needle, end);
    }
    return values.join(',');
  }

  has(name: string): boolean {
    return this.lower.includes(needleOf(name));
  }

  /** How many lines carry this name. */
  count(name: string): number {
    const needle = needleOf(name);
    let count = 0;
    for (let at = this.lower.indexOf(needle); at >= 0; at = this.lower.indexOf(needle, at + needle.length)) count++;
    return count;
  }

  remove(name: string): void {
    this.cut(needleOf(name));
  }

  /** Removes every line of a needle made by `needleOf`. */
  cut(needle: string): void {
    for (let at = this.lower.indexOf(needle); at >= 0; at = this.lower.indexOf(needle, at)) {
      const end = this.lower.indexOf('\r\n', at + needle.length);
      this.text = this.text.slice(0, at) + this.text.slice(end);
      this.lower = this.lower.slice(0, at) + this.lower.slice(end);
    }
  }

  /** Adds a line after the others. The value must come from configuration or a checked head. */
  append(name: string, value: string): void {
    const line = `${name}: ${value}\r\n`;
    this.text += line;
    this.lower += line.toLowerCase();
  }

  set(name: string, value: string): void {
    this.cut(needleOf(name));
    this.append(name, value);
  }

  /** Replaces the start line (without its CRLF). */
  setStartLine(line: string): void {
    this.text = line + this.text.slice(this.text.indexOf('\r\n'));
    this.lower = line.toLowerCase() + this.lower.slice(this.lower.indexOf('\r\n'));
  }

  /** Header lines as [name, value] in order. */
  entries(): [name: string, value: string][] {
    const entries: [string, string][] = [];
    let at = this.text.indexOf('\r\n') + 2;
    while (at < this.text.length) {
      const end = this.text.indexOf('\r\n', at);
      const colon = this.text.indexOf(':', at);
      entries.push([this.text.slice(at, colon), this.text.slice(colon + 1, end).trim()]);
      at = end + 2;
    }
    return entries;
  }

  clone(): Head {
    return new Head(this.text);
  }
}

/** A request's head, checked; `target` as sent, `path` and `authority` as routed. */
export class RequestHead extends Head {
  readonly method: string;
  readonly minor: 0 | 1;
  /** Path with query; `*` for OPTIONS *; empty for CONNECT. */
  path: string;
  authority: string;
  /** `http` or `https` of an absolute-form target. */
  readonly scheme: string | undefined;

  constructor(text: string, method: string, minor: 0 | 1, path: string, authority: string, scheme?: string) {
    super(text);
    this.method = method;
    this.minor = minor;
    this.path = path;
    this.authority = authority;
    this.scheme = scheme;
  }
}

/** A response's head, checked. */
export class ResponseHead extends Head {
  readonly status: number;
  readonly minor: 0 | 1;

  constructor(text: string, status: number, minor: 0 | 1) {
    super(text);
    this.status = status;
    this.minor = minor;
  }
}

const HOST = needleOf('host');
const END_OF_HEAD = Buffer.from('\r\n\r\n', 'latin1');

/** Index just behind the blank line that ends the head in `buffer`, or -1 if it has not come yet. */
export function findHeadEnd(buffer: Buffer, start: number, limit: number = MAX_HEAD_BYTES): number {
  const at = buffer.indexOf(END_OF_HEAD, start);
  const length = (at < 0 ? buffer.length : at) - start;
  if (length > limit) throw new HttpProtocolError(431, 'headers_too_large', `the head is larger than ${limit} bytes`);
  if (at >= 0) return at + 4;
  if (hasBareLineFeed(buffer, start)) {
    throw new HttpProtocolError(400, 'http1.codec_error', 'a line ends in LF without CR');
  }
  return -1;
}

function hasBareLineFeed(buffer: Buffer, start: number): boolean {
  for (let at = buffer.indexOf(10, start); at >= 0; at = buffer.indexOf(10, at + 1)) {
    if (at === start || buffer[at - 1] !== 13) return true;
  }
  return false;
}

/** `text`: the head without the blank line's CRLF. */
export function parseRequestHead(text: string): RequestHead {
  if (!REQUEST_HEAD.test(text)) throw new HttpProtocolError(400, 'http1.codec_error', explain(text, 'request'));
  checkLineCount(text);
  const sp1 = text.indexOf(' ');
  const sp2 = text.indexOf(' ', sp1 + 1);
  const method = text.slice(0, sp1);
  const target = text.slice(sp1 + 1, sp2);
  const minor = text.charCodeAt(sp2 + 8) === 49 ? 1 : 0;
  const head = new RequestHead(text, method, minor, target, '');
  const host = head.find(HOST);
  if (host === undefined) {
    if (minor === 1) throw new HttpProtocolError(400, 'missing_host_header', 'an HTTP/1.1 request needs a Host header');
  } else {
    if (head.lower.indexOf(HOST) !== head.lower.lastIndexOf(HOST)) {
      throw new HttpProtocolError(400, 'http1.codec_error', 'more than one Host header');
    }
    if (/[\s/\\?#@,]/.test(host)) throw new HttpProtocolError(400, 'invalid_host', 'the Host header is not a host');
    head.authority = host;
  }
  if (target.charCodeAt(0) === 47) return head;
  return otherForm(head, text, method, minor, target);
}

function otherForm(head: RequestHead, text: string, method: string, minor: 0 | 1, target: string): RequestHead {
  if (method === 'CONNECT') {
    if (!/^[^\s/?#@]+:[0-9]{1,5}$/.test(target)) {
      throw new HttpProtocolError(400, 'http1.codec_error', 'CONNECT needs host:port');
    }
    head.path = '';
    head.authority = target;
    return head;
  }
  if (target === '*' && method === 'OPTIONS') return head;
  const absolute = /^(https?):\/\/([^/?#@\s]+)([/?].*)?$/i.exec(target);
  if (absolute === null) {
    throw new HttpProtocolError(
      400,
      'path_normalization_failed',
      'the request target is neither a path nor an http URL',
    );
  }
  const [, scheme = '', authority = '', rest = '/'] = absolute;
  const path = rest.startsWith('?') ? '/' + rest : rest;
  const rewritten = new RequestHead(text, method, minor, path, authority, scheme.toLowerCase());
  rewritten.setStartLine(`${method} ${path} HTTP/1.${minor}`);
  rewritten.set('host', authority);
  return rewritten;
}

/** `text`: the head without the blank line's CRLF. */
export function parseResponseHead(text: string): ResponseHead {
  if (!RESPONSE_HEAD.test(text)) throw new HttpProtocolError(502, 'http1.codec_error', explain(text, 'response'));
  checkLineCount(text);
  const status = (text.charCodeAt(9) - 48) * 100 + (text.charCodeAt(10) - 48) * 10 + (text.charCodeAt(11) - 48);
  return new ResponseHead(text, status, text.charCodeAt(7) === 49 ? 1 : 0);
}

/** True if `text` is a sequence of well-formed header lines (a trailer section without its blank line). */
export function isHeaderLines(text: string): boolean {
  return HEADER_LINES.test(text);
}

function checkLineCount(text: string): void {
  if (text.length < MAX_HEADER_LINES * 4) return;
  let lines = -1;
  for (let at = text.indexOf('\r\n'); at >= 0; at = text.indexOf('\r\n', at + 2)) lines++;
  if (lines > MAX_HEADER_LINES) {
    throw new HttpProtocolError(431, 'too_many_headers', `more than ${MAX_HEADER_LINES} headers`);
  }
}

/** Slow path: which rule did the head break? */
function explain(text: string, kind: 'request' | 'response'): string {
  const lines = text.split('\r\n');
  const start = lines[0] ?? '';
  if (/[\r\n]/.test(lines.join(''))) return 'a bare CR or LF in the head';
  const wanted = kind === 'request' ? REQUEST_HEAD : RESPONSE_HEAD;
  if (!wanted.test(start + '\r\n')) return `the ${kind} line is malformed`;
  const bad = lines.slice(1, -1).find((line) => !HEADER_LINES.test(line + '\r\n')) ?? '';
  if (/^[ \t]/.test(bad)) return 'a folded header line (obs-fold)';
  if (/^[^:]*[ \t]+:/.test(bad)) return 'white space between a header name and its colon';
  if (bad.includes('\0')) return 'a NUL in a header';
  return 'a malformed header line';
}
