// HTTP/2 to an upstream endpoint: one session carries many streams; a stream looks to the router like a connection.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as netConnect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Framing } from '#lib/http/framing.ts';
import { RequestHead, ResponseHead } from '#lib/http/head.ts';
import { subjectAltNames } from '../config/san.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import type { UpstreamHandler, UpstreamStream } from './http1-connection.ts';

const NONE: Framing = { kind: 'none' };
const UNKNOWN: Framing = { kind: 'close' };
const EMPTY = Buffer.alloc(0);
const WINDOW_BYTES = 1024 * 1024;
/** What HTTP/2 has no place for (RFC 9113 section 8.2.2). */
const FORBIDDEN = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'host',
  'http2-settings',
]);

export class Http2Session {
  readonly endpoint: Endpoint;
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  readonly #cluster: Cluster;
  #closed = false;
  #uris: string[] | undefined;
  failure = '';
  isConnected = false;

  constructor(cluster: Cluster, endpoint: Endpoint) {
    this.#cluster = cluster;
    this.endpoint = endpoint;
    const { bindAddress, connectTimeoutMs } = cluster.config;
    const target = { host: endpoint.address, port: endpoint.port };
    const { tls } = endpoint;
    this.socket =
      tls === undefined
        ? netConnect({ ...target, ...(bindAddress === undefined ? {} : { localAddress: bindAddress }) })
        : tls.connect({ ...target, localAddress: bindAddress }, 'http2');
    this.socket.setNoDelay(true);
    endpoint.connections++;
    cluster.connections++;
    this.session = connect(`http://${endpoint.key}`, {
      createConnection: () => this.socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    const timer = setTimeout(() => {
      this.failure = 'connect timeout';
      this.session.destroy();
    }, connectTimeoutMs);
    this.session.once('remoteSettings', () => {
      clearTimeout(timer);
      this.isConnected = true;
    });
    this.session.on('error', (error: Error) => {
      this.failure ||= error.message;
    });
    this.session.on('goaway', () => this.#leave());
    this.session.once('close', () => {
      clearTimeout(timer);
      this.#leave();
      endpoint.connections--;
      cluster.connections--;
    });
  }

  get isUsable(): boolean {
    return !this.#closed && !this.session.closed && !this.session.destroyed;
  }

  peerUris(): readonly string[] {
    if (this.endpoint.tls === undefined) return [];
    this.#uris ??= subjectAltNames((this.socket as TLSSocket).getPeerCertificate())
      .filter(({ kind }) => kind === 'URI')
      .map(({ value }) => value);
    return this.#uris;
  }

  retire(): void {
    this.#leave();
    if (!this.session.closed) this.session.close();
  }

  #leave(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cluster.closedSession(this);
  }
}

export class Http2Upstream implements UpstreamStream {
  readonly endpoint: Endpoint;
  /** A stream that fails says nothing of stale connections. */
  readonly uses = 1;
  readonly framesBody = false;
  readonly #session: Http2Session;
  #stream: ClientHttp2Stream | undefined;
  #handler: UpstreamHandler | undefined;
  #answered = false;

  constructor(session: Http2Session) {
    this.#session = session;
    this.endpoint = session.endpoint;
  }

  get localAddress(): string | undefined {
    const { localAddress, localPort } = this.#session.socket;
    return localAddress === undefined ? undefined : `${localAddress}:${localPort}`;
  }

  peerUris(): readonly string[] {
    return this.#session.peerUris();
  }

  send(handler: UpstreamHandler, text: string, body: Buffer | undefined, end: boolean): boolean {
    this.#handler = handler;
    const stream = this.#session.session.request(
      requestHeaders(text, this.endpoint.tls === undefined ? 'http' : 'https'),
      { endStream: end && (body === undefined || body.length === 0) },
    );
    this.#stream = stream;
    stream.on('response', (headers) => this.#onResponse(headers));
    stream.on('error', (error: Error) => {
      this.#session.failure ||= error.message;
    });
    stream.on('close', () => this.#onClose(stream));
    stream.on('drain', () => this.#handler?.onDrain());
    if (body === undefined || body.length === 0) return true;
    const flushed = stream.write(body);
    if (end) stream.end();
    return flushed;
  }

  #onResponse(headers: IncomingHttpHeaders & { ':status'?: number | undefined }): void {
    const handler = this.#handler;
    const stream = this.#stream;
    if (handler === undefined || stream === undefined) return;
    this.#answered = true;
    const head = responseHead(headers);
    let trailers = '';
    stream.on('trailers', (fields) => {
      trailers = headerLines(fields);
    });
    if (stream.readableEnded || stream.endAfterHeaders) {
      this.#handler = undefined;
      handler.onResponse(head, NONE, undefined, true, 0);
      return;
    }
    const length = head.get('content-length');
    handler.onResponse(
      head,
      length === undefined ? UNKNOWN : { kind: 'length', bytes: Number(length) },
      undefined,
      false,
      0,
    );
    stream.on('data', (data: Buffer) => this.#handler?.onData(data, false, '', data.length));
    stream.on('end', () => {
      const waiting = this.#handler;
      this.#handler = undefined;
      waiting?.onData(EMPTY, true, trailers, 0);
    });
  }

  #onClose(stream: ClientHttp2Stream): void {
    const handler = this.#handler;
    this.#handler = undefined;
    if (handler === undefined) return;
    const { failure, isConnected } = this.#session;
    if (!isConnected)
      handler.onReset(failure === 'connect timeout' ? 'connect-timeout' : 'connect-failure', failure, true);
    else if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM)
      handler.onReset('refused-stream', 'the stream was refused', true);
    else handler.onReset('reset', failure, !this.#answered);
  }

  sendBody(data: Buffer | undefined, end: boolean): boolean {
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed || stream.writableEnded) return true;
    const flushed = data === undefined || data.length === 0 || stream.write(data);
    if (end) stream.end();
    return flushed;
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  cancel(): void {
    this.#handler = undefined;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }
}

function requestHeaders(text: string, scheme: string): OutgoingHttpHeaders {
  const space = text.indexOf(' ');
  const end = text.indexOf('\r\n');
  const method = text.slice(0, space);
  const path = text.slice(space + 1, text.lastIndexOf(' ', end));
  const head = new RequestHead(text.slice(0, -2), method, 1, path, '');
  const headers = plainHeaders(head);
  return { ':method': method, ':path': path, ':scheme': scheme, ':authority': head.get('host') ?? '', ...headers };
}

/** Header lines as node:http2 takes them, without what concerns HTTP/1.1 only. */
export function plainHeaders(head: { entries(): [string, string][] }): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of head.entries()) {
    const lower = name.toLowerCase();
    if (FORBIDDEN.has(lower)) continue;
    const before = headers[lower];
    if (before === undefined) headers[lower] = value;
    else
      headers[lower] = Array.isArray(before)
        ? [...before, value]
        : lower === 'set-cookie'
          ? [before, value]
          : `${before}, ${value}`;
  }
  return headers;
}

function responseHead(headers: IncomingHttpHeaders & { ':status'?: number | undefined }): ResponseHead {
  const status = headers[':status'] ?? 502;
  return new ResponseHead(`HTTP/1.1 ${status} \r\n${headerLines(headers)}`, status, 1);
}

/** Lines of fields that came by HTTP/2; pseudo-headers left out. Names and values were checked by nghttp2. */
export function headerLines(headers: IncomingHttpHeaders): string {
  let lines = '';
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) lines += `${name}: ${one}\r\n`;
  }
  return lines;
}
