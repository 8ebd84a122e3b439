// One HTTP/1.1 connection to an upstream endpoint: sends one request at a time, reads its response, goes back to the pool.
import { connect as netConnect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type BodyReader, bodyReader } from '#lib/http/body.ts';
import { type Framing, keepsAlive, responseFraming } from '#lib/http/framing.ts';
import { findHeadEnd, parseResponseHead, type ResponseHead } from '#lib/http/head.ts';
import { HttpProtocolError } from '#lib/http/protocol-error.ts';
import { subjectAltNames } from '../config/san.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';

/** Why an upstream stream ended before its response did. */
export type ResetReason = 'connect-failure' | 'connect-timeout' | 'reset' | 'refused-stream' | 'protocol-error';

/** One request on its way to an endpoint, over either protocol. */
export interface UpstreamStream {
  readonly endpoint: Endpoint;
  /** Requests that its connection has carried. */
  readonly uses: number;
  /** Bodies need HTTP/1.1 framing. */
  readonly framesBody: boolean;
  readonly localAddress: string | undefined;
  peerUris(): readonly string[];
  send(handler: UpstreamHandler, text: string, body: Buffer | undefined, end: boolean): boolean;
  sendBody(data: Buffer | undefined, end: boolean): boolean;
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** Whoever waits for a response. */
export interface UpstreamHandler {
  readonly method: string;
  /** The response's body must come without HTTP/1.1 framing. */
  readonly wantsPayload: boolean;
  /** `body` is what came with the head; `end`: nothing follows. */
  onResponse(head: ResponseHead, framing: Framing, body: Buffer | undefined, end: boolean, payloadBytes: number): void;
  onData(data: Buffer, end: boolean, trailers: string, payloadBytes: number): void;
  /** Both sides speak another protocol from now on. */
  onUpgrade(head: ResponseHead, socket: Socket, rest: Buffer | undefined): void;
  onReset(reason: ResetReason, detail: string, beforeResponse: boolean): void;
  onDrain(): void;
}

export class Http1Upstream implements UpstreamStream {
  readonly framesBody = true;
  readonly endpoint: Endpoint;
  readonly socket: Socket;
  readonly #cluster: Cluster;
  #handler: UpstreamHandler | undefined;
  #pending: Buffer | undefined;
  #reader: BodyReader | undefined;
  #awaitsHead = false;
  #requestEnded = false;
  #responseEnded = false;
  #keep = true;
  #connected = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #failure = '';
  /** Requests that were sent here. */
  uses = 0;
  /** Epoch milliseconds of the return to the pool. */
  idleSinceMs = 0;
  /** What the server promised in Keep-Alive, less a second. */
  idleLimitMs = Number.POSITIVE_INFINITY;
  readonly #isTls: boolean;
  #peerUris: string[] | undefined;
  #localAddress: string | undefined;

  constructor(cluster: Cluster, endpoint: Endpoint) {
    this.#cluster = cluster;
    this.endpoint = endpoint;
    const localAddress = cluster.config.bindAddress;
    const { tls } = endpoint;
    this.#isTls = tls !== undefined;
    this.socket =
      tls === undefined
        ? netConnect({
            host: endpoint.address,
            port: endpoint.port,
            ...(localAddress === undefined ? {} : { localAddress }),
          })
        : tls.connect({ host: endpoint.address, port: endpoint.port, localAddress }, 'http');
    this.socket.setNoDelay(true);
    endpoint.connections++;
    cluster.connections++;
    this.#timer = setTimeout(() => this.#connectTimeout(), cluster.config.connectTimeoutMs);
    this.socket.once(tls === undefined ? 'connect' : 'secureConnect', () => this.#onConnect());
    this.socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.socket.on('error', (error: Error) => {
      this.#failure = error.message;
    });
    this.socket.on('close', () => this.#onClose());
    this.socket.on('end', () => this.#onEnd());
    this.socket.on('drain', () => this.#handler?.onDrain());
  }

  /** URI names in the server's certificate; empty without TLS. */
  peerUris(): readonly string[] {
    if (!this.#isTls) return NO_NAMES;
    this.#peerUris ??= subjectAltNames((this.socket as TLSSocket).getPeerCertificate())
      .filter(({ kind }) => kind === 'URI')
      .map(({ value }) => value);
    return this.#peerUris;
  }

  get localAddress(): string | undefined {
    if (this.#localAddress === undefined) {
      const { localAddress, localPort } = this.socket;
      if (localAddress !== undefined) this.#localAddress = `${localAddress}:${localPort}`;
    }
    return this.#localAddress;
  }

  get isConnected(): boolean {
    return this.#connected;
  }

  get isUsable(): boolean {
    return !this.#closed && !this.socket.destroyed && this.socket.writable;
  }

  /** Starts a request; `text` is its head with the blank line, then as much of the body as is there. */
  send(handler: UpstreamHandler, text: string, body: Buffer | undefined, end: boolean): boolean {
    this.#handler = handler;
    this.#awaitsHead = true;
    this.#responseEnded = false;
    this.#requestEnded = end;
    this.#reader = undefined;
    this.#keep = true;
    this.uses++;
    return writeMessage(this.socket, text, body);
  }

  sendBody(data: Buffer | undefined, end: boolean): boolean {
    const flushed = data === undefined || data.length === 0 || this.socket.write(data);
    if (end) {
      this.#requestEnded = true;
      if (this.#responseEnded) this.#finish();
    }
    return flushed;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** The handler lost interest: the connection cannot be used again. */
  cancel(): void {
    this.#handler = undefined;
    this.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #onConnect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#connected = true;
  }

  #connectTimeout(): void {
    this.#failure = 'connect timeout';
    this.socket.destroy();
    const handler = this.#take();
    handler?.onReset('connect-timeout', 'connection timeout', true);
  }

  #onData(chunk: Buffer): void {
    const handler = this.#handler;
    if (handler === undefined) {
      // Nobody asked: a server that talks out of turn (or says 408 before closing) is not used again.
      this.destroy();
      return;
    }
    try {
      if (this.#awaitsHead)
        this.#readHead(handler, this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]));
      else this.#readBody(handler, chunk, 0);
    } catch (error) {
      if (!(error instanceof HttpProtocolError)) throw error;
      const before = this.#awaitsHead;
      this.#take();
      this.destroy();
      handler.onReset('protocol-error', error.message, before);
    }
  }

  #readHead(handler: UpstreamHandler, buffer: Buffer): void {
    let start = 0;
    for (;;) {
      const end = findHeadEnd(buffer, start);
      if (end < 0) {
        this.#pending = start === 0 ? buffer : buffer.subarray(start);
        return;
      }
      this.#pending = undefined;
      const head = parseResponseHead(buffer.toString('latin1', start, end - 2));
      if (head.status === 101) {
        this.#take();
        this.#leave();
        this.socket.removeAllListeners('data');
        handler.onUpgrade(head, this.socket, end < buffer.length ? buffer.subarray(end) : undefined);
        return;
      }
      if (head.status < 200) {
        start = end;
        if (start === buffer.length) return;
        continue;
      }
      this.#startResponse(handler, head, buffer, end);
      return;
    }
  }

  #startResponse(handler: UpstreamHandler, head: ResponseHead, buffer: Buffer, at: number): void {
    this.#awaitsHead = false;
    this.#keep = keepsAlive(head);
    const framing = responseFraming(head, handler.method);
    if (framing.kind === 'close') this.#keep = false;
    const keepAlive = head.get('keep-alive');
    if (keepAlive !== undefined) this.#rememberTimeout(keepAlive);
    const reader = bodyReader(framing, handler.wantsPayload);
    if (reader === undefined) {
      if (at < buffer.length) this.#keep = false;
      this.#endResponse(() => handler.onResponse(head, framing, undefined, true, 0));
      return;
    }
    if (at === buffer.length) {
      this.#reader = reader;
      handler.onResponse(head, framing, undefined, false, 0);
      return;
    }
    const end = reader.feed(buffer, at);
    const data = handler.wantsPayload
      ? joined(reader.payload)
      : at === 0 && end === buffer.length
        ? buffer
        : buffer.subarray(at, end);
    if (!reader.done) {
      this.#reader = reader;
      handler.onResponse(head, framing, data, false, reader.payloadBytes);
      return;
    }
    if (end < buffer.length) this.#keep = false;
    if (handler.wantsPayload && reader.trailers !== '') {
      handler.onResponse(head, framing, data, false, reader.payloadBytes);
      this.#endResponse(() => handler.onData(EMPTY, true, reader.trailers, 0));
      return;
    }
    this.#endResponse(() => handler.onResponse(head, framing, data, true, reader.payloadBytes));
  }

  #readBody(handler: UpstreamHandler, chunk: Buffer, at: number): void {
    const reader = this.#reader;
    if (reader === undefined) {
      this.destroy();
      return;
    }
    const end = reader.feed(chunk, at);
    const data = handler.wantsPayload ? joined(reader.payload) : end === chunk.length ? chunk : chunk.subarray(at, end);
    if (!reader.done) {
      handler.onData(data, false, '', reader.payloadBytes);
      return;
    }
    if (end < chunk.length) this.#keep = false;
    this.#endResponse(() => handler.onData(data, true, reader.trailers, reader.payloadBytes));
  }

  /** The connection is free before the handler hears of the end, so that a next request can have it at once. */
  #endResponse(tell: () => void): void {
    this.#responseEnded = true;
    this.#reader = undefined;
    if (this.#requestEnded) this.#finish();
    tell();
  }

  #finish(): void {
    this.#handler = undefined;
    if (this.#keep && this.isUsable) this.#cluster.release(this);
    else this.destroy();
  }

  #onEnd(): void {
    const handler = this.#handler;
    // A body delimited by the end of the connection is complete now.
    if (handler !== undefined && !this.#awaitsHead && this.#reader?.untilClose === true) {
      this.#keep = false;
      this.#requestEnded = true;
      this.#endResponse(() => handler.onData(EMPTY, true, '', 0));
    }
    this.destroy();
  }

  #onClose(): void {
    this.#leave();
    const handler = this.#take();
    if (handler === undefined || this.#responseEnded) return;
    if (this.#connected) handler.onReset('reset', this.#failure || 'connection termination', this.#awaitsHead);
    else handler.onReset('connect-failure', this.#failure, true);
  }

  /** No longer the cluster's. */
  #leave(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.endpoint.connections--;
    this.#cluster.closed(this);
  }

  #take(): UpstreamHandler | undefined {
    const handler = this.#handler;
    this.#handler = undefined;
    return handler;
  }

  #rememberTimeout(keepAlive: string): void {
    const seconds = /timeout=(\d{1,6})/.exec(keepAlive)?.[1];
    if (seconds !== undefined) this.idleLimitMs = Math.max(0, Number(seconds) * 1000 - 1000);
  }
}

const EMPTY = Buffer.alloc(0);
const NO_NAMES: readonly string[] = [];

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] ?? EMPTY) : parts.length === 0 ? EMPTY : Buffer.concat(parts);
}

const ONE_WRITE_BYTES = 8192;

/** Head and body in one write where they are small: one system call and, with TLS, one record. */
export function writeMessage(socket: Socket, text: string, body: Buffer | undefined): boolean {
  if (body === undefined || body.length === 0) return socket.write(text, 'latin1');
  if (body.length <= ONE_WRITE_BYTES) return socket.write(text + body.toString('latin1', 0, body.length), 'latin1');
  socket.cork();
  socket.write(text, 'latin1');
  const flushed = socket.write(body);
  socket.uncork();
  return flushed;
}
