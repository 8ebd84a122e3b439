// The server side of one HTTP/2 connection: each stream is an exchange.
import {
  constants,
  createServer,
  type Http2Server as NodeHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { parseRequestHead, type ResponseHead } from '#lib/http/head.ts';
import type { Framing } from '#lib/http/framing.ts';
import { HttpProtocolError } from '#lib/http/protocol-error.ts';
import type { HttpConfig } from '../config/http-config.ts';
import type { Service } from '../config/listener-config.ts';
import { headerLines, plainHeaders } from '../upstream/http2-connection.ts';
import type { ConnectionInfo } from './connection-info.ts';
import type { ProxyContext } from './context.ts';
import type { Downstream } from './downstream.ts';
import { Exchange } from './exchange.ts';

const EMPTY = Buffer.alloc(0);
const NONE: Framing = { kind: 'none' };
const UNKNOWN: Framing = { kind: 'close' };

/** Serves HTTP/2 on connections that it is given. */
export class Http2Server {
  readonly #server: NodeHttp2Server;
  readonly #waiting = new WeakMap<object, { readonly service: Service; readonly info: ConnectionInfo }>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #context: ProxyContext;

  constructor(context: ProxyContext) {
    this.#context = context;
    this.#server = createServer({
      settings: { maxConcurrentStreams: 1024, initialWindowSize: 1024 * 1024, enableConnectProtocol: false },
    });
    this.#server.on('sessionError', () => {});
  }

  serve(socket: Socket, service: Service, info: ConnectionInfo, initial: Buffer | undefined): void {
    if (initial !== undefined) socket.unshift(initial);
    this.#server.once('session', (session) => this.#adopt(session, service, info));
    // Emits `session` before it returns: the listener above belongs to this socket.
    this.#server.emit('connection', socket);
  }

  #adopt(session: ServerHttp2Session, service: Service, info: ConnectionInfo): void {
    this.#waiting.set(session, { service, info });
    this.#sessions.add(session);
    session.on('error', () => {});
    session.once('close', () => this.#sessions.delete(session));
    let config: HttpConfig | undefined;
    session.on('stream', (stream, headers) => {
      const { current } = service;
      if (current.kind === 'http') config = current.http;
      if (config === undefined) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else new Http2Stream(stream, headers, config, this.#context, info);
    });
  }

  /** Streams in progress end; new ones go elsewhere. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }
}

class Http2Stream implements Downstream {
  readonly wantsPayload = true;
  readonly #stream: ServerHttp2Stream;
  #exchange: Exchange | undefined;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    config: HttpConfig,
    context: ProxyContext,
    info: ConnectionInfo,
  ) {
    this.#stream = stream;
    stream.on('error', () => {});
    const end = stream.endAfterHeaders;
    try {
      const method = headers[':method'] ?? '';
      const authority = headers[':authority'] ?? headers.host ?? '';
      const fields = { ...headers };
      delete fields.host;
      // What HTTP/2 allows in a field but HTTP/1.1 cannot carry is refused here.
      const head = parseRequestHead(
        `${method} ${headers[':path'] ?? ''} HTTP/1.1\r\nhost: ${authority}\r\n${headerLines(fields)}`,
      );
      const length = head.get('content-length');
      const framing: Framing = end ? NONE : length === undefined ? UNKNOWN : { kind: 'length', bytes: Number(length) };
      this.#exchange = new Exchange(context, config, info, this, head, framing, 'HTTP/2', undefined);
    } catch (error) {
      if (!(error instanceof HttpProtocolError)) throw error;
      stream.respond({ ':status': error.status }, { endStream: true });
      return;
    }
    const exchange = this.#exchange;
    stream.on('close', () => exchange.onDownstreamClose());
    stream.on('drain', () => exchange.onDownstreamDrain());
    exchange.begin(end);
    if (end) return;
    stream.on('data', (data: Buffer) => exchange.onRequestData(data, false, data.length));
    stream.on('end', () => exchange.onRequestData(EMPTY, true, 0));
  }

  sendHead(head: ResponseHead, _framing: Framing, body: Buffer | undefined, end: boolean): boolean {
    const stream = this.#stream;
    if (stream.destroyed) return true;
    const empty = body === undefined || body.length === 0;
    stream.respond(
      { ':status': head.status, ...plainHeaders(head) },
      { endStream: end && empty, waitForTrailers: !(end && empty) },
    );
    if (end && empty) return true;
    this.#trailers = {};
    stream.once('wantTrailers', () => stream.sendTrailers(this.#trailers));
    if (empty) return true;
    const flushed = stream.write(body);
    if (end) stream.end();
    return flushed;
  }

  #trailers: Record<string, string> = {};

  sendData(data: Buffer, end: boolean, trailers: string): boolean {
    const stream = this.#stream;
    if (stream.destroyed) return true;
    const flushed = data.length === 0 || stream.write(data);
    if (!end) return flushed;
    for (const line of trailers.split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) this.#trailers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    stream.end();
    return flushed;
  }

  abort(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  pauseRequest(): void {
    this.#stream.pause();
  }

  resumeRequest(): void {
    this.#stream.resume();
  }

  upgrade(): void {
    this.abort();
  }
}
