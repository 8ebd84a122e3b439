// The server side of one HTTP/1.1 connection: reads requests one after another, runs an exchange for each, writes answers.
import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import { type BodyReader, bodyReader } from '#lib/http/body.ts';
import { type Framing, keepsAlive, requestFraming, upgradeOf } from '#lib/http/framing.ts';
import { findHeadEnd, needleOf, parseRequestHead, type RequestHead, type ResponseHead } from '#lib/http/head.ts';
import { HttpProtocolError } from '#lib/http/protocol-error.ts';
import type { HttpConfig } from '../config/http-config.ts';
import type { Service } from '../config/listener-config.ts';
import { writeMessage } from '../upstream/http1-connection.ts';
import type { ConnectionInfo } from './connection-info.ts';
import type { ProxyContext } from './context.ts';
import type { Downstream } from './downstream.ts';
import { Exchange } from './exchange.ts';
import { joinSockets } from '../tcp/join.ts';

const EXPECT = needleOf('expect');
const TRANSFER_ENCODING = needleOf('transfer-encoding');
/** Bytes of pipelined requests that may wait while an answer is on its way. */
const MAX_PIPELINED_BYTES = 64 * 1024;

export class Http1Server implements Downstream {
  readonly #socket: Socket;
  readonly #service: Service;
  #last!: HttpConfig;
  readonly #context: ProxyContext;
  readonly #info: ConnectionInfo;
  #pending: Buffer | undefined;
  #exchange: Exchange | undefined;
  #reader: BodyReader | undefined;
  #head: RequestHead | undefined;
  #keep = true;
  #responded = false;
  #ended = false;
  #closing = false;
  #draining = false;
  #decodes = false;
  #busy = false;
  #mode: 'raw' | 'chunk' | 'close' = 'raw';
  wantsPayload = false;
  /** Epoch milliseconds when a byte or an answer was last seen. */
  activeMs = Date.now();

  constructor(socket: Socket, service: Service, context: ProxyContext, info: ConnectionInfo) {
    this.#socket = socket;
    this.#service = service;
    this.#context = context;
    this.#info = info;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#exchange?.onDownstreamDrain());
  }

  /** The chain's configuration as it is now: a push reaches connections that are open. */
  get #config(): HttpConfig {
    const { current } = this.#service;
    if (current.kind === 'http') this.#last = current.http;
    return this.#last;
  }

  get isIdle(): boolean {
    return this.#exchange === undefined;
  }

  /** The next answer is the last one here and says so. An idle connection stays: closing it could cross a request. */
  drain(): void {
    this.#last = this.#config;
    this.#draining = true;
  }

  /** Ends the connection if no request is on its way. */
  closeIdle(): void {
    if (this.#exchange === undefined && this.#pending === undefined) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Called every few seconds: ends connections on which nothing has moved for too long. */
  sweep(nowMs: number): void {
    const { connectionIdleTimeoutMs, streamIdleTimeoutMs } = this.#config;
    const quietMs = nowMs - this.activeMs;
    if (this.#exchange === undefined) {
      const limit = this.#pending === undefined ? connectionIdleTimeoutMs : HEAD_TIMEOUT_MS;
      if (limit > 0 && quietMs >= limit) this.#socket.destroy();
    } else if (streamIdleTimeoutMs > 0 && quietMs >= streamIdleTimeoutMs) {
      this.#exchange.reply({
        status: this.#responded ? 504 : 408,
        body: 'stream timeout',
        flag: 'SI',
        details: 'stream_idle_timeout',
      });
    }
  }

  onData(chunk: Buffer): void {
    this.activeMs = Date.now();
    const buffer = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = undefined;
    if (this.#busy) {
      this.#pending = buffer;
      return;
    }
    this.#process(buffer);
  }

  #process(buffer: Buffer): void {
    this.#busy = true;
    let at = 0;
    try {
      while (at < buffer.length && !this.#socket.destroyed) {
        if (this.#reader !== undefined) at = this.#readBody(this.#reader, buffer, at);
        else if (this.#exchange === undefined) {
          const next = this.#readHead(buffer, at);
          if (next < 0) break;
          at = next;
        } else {
          // Pipelined: the next request waits for this one's answer.
          if (buffer.length - at > MAX_PIPELINED_BYTES) this.#socket.pause();
          break;
        }
      }
      if (at < buffer.length) this.#pending = at === 0 ? buffer : buffer.subarray(at);
    } catch (error) {
      if (!(error instanceof HttpProtocolError)) throw error;
      this.#refuse(error);
    } finally {
      this.#busy = false;
    }
  }

  #readHead(buffer: Buffer, from: number): number {
    let start = from;
    // RFC 9112 section 2.2: an empty line before a request line is ignored.
    if (buffer[start] === 13 && buffer[start + 1] === 10) start += 2;
    if (this.#closing) return buffer.length;
    const end = findHeadEnd(buffer, start);
    if (end < 0) return -1;
    const head = parseRequestHead(buffer.toString('latin1', start, end - 2));
    const framing = requestFraming(head);
    const upgrade = upgradeOf(head);
    this.#head = head;
    this.#keep = keepsAlive(head) && !this.#ended;
    this.#responded = false;
    this.wantsPayload = head.minor === 0;
    if (framing.kind !== 'none') {
      this.#reader = bodyReader(framing, false);
      if (head.find(EXPECT)?.toLowerCase() === '100-continue') {
        head.remove('expect');
        this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
      }
    }
    const protocol = head.minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    const exchange = new Exchange(this.#context, this.#config, this.#info, this, head, framing, protocol, upgrade);
    this.#exchange = exchange;
    exchange.begin(framing.kind === 'none');
    // The upstream speaks HTTP/2: it gets the body without its framing.
    if (this.#reader !== undefined && exchange.cluster?.speaksHttp2(protocol) === true)
      this.#reader = bodyReader(framing, true);
    this.#decodes = this.#reader !== undefined && exchange.cluster?.speaksHttp2(protocol) === true;
    return end;
  }

  #readBody(reader: BodyReader, buffer: Buffer, at: number): number {
    const end = reader.feed(buffer, at);
    const data = this.#decodes
      ? Buffer.concat(reader.payload)
      : at === 0 && end === buffer.length
        ? buffer
        : buffer.subarray(at, end);
    if (reader.done) this.#reader = undefined;
    const exchange = this.#exchange;
    exchange?.onRequestData(data, reader.done, reader.payloadBytes);
    if (reader.done && this.#responded) this.#nextRequest();
    return end;
  }

  sendHead(head: ResponseHead, framing: Framing, body: Buffer | undefined, end: boolean): boolean {
    this.activeMs = Date.now();
    this.#mode = 'raw';
    let lines = '';
    const old = this.#head?.minor === 0;
    if (old || framing.kind === 'close') {
      if (framing.kind === 'chunked') head.cut(TRANSFER_ENCODING);
      if (framing.kind === 'chunked' || framing.kind === 'close') {
        if (old) {
          this.#mode = 'close';
          this.#keep = false;
        } else {
          this.#mode = 'chunk';
          lines = 'transfer-encoding: chunked\r\n';
        }
      }
    }
    if (this.#context.isDraining || this.#draining) this.#keep = false;
    if (!this.#keep) lines += 'connection: close\r\n';
    else if (old) lines += 'connection: keep-alive\r\n';
    const text = `${head.text}${lines}\r\n`;
    const flushed =
      this.#mode === 'chunk' ? this.#writeChunk(text, body, end, '') : writeMessage(this.#socket, text, body);
    if (end) this.#finishResponse();
    return flushed;
  }

  sendData(data: Buffer, end: boolean, trailers: string): boolean {
    this.activeMs = Date.now();
    const flushed =
      this.#mode === 'chunk'
        ? this.#writeChunk('', data, end, trailers)
        : data.length === 0 || this.#socket.write(data);
    if (end) this.#finishResponse();
    return flushed;
  }

  #writeChunk(text: string, data: Buffer | undefined, end: boolean, trailers: string): boolean {
    this.#socket.cork();
    let flushed = true;
    if (text !== '') flushed = this.#socket.write(text, 'latin1');
    if (data !== undefined && data.length > 0) {
      this.#socket.write(`${data.length.toString(16)}\r\n`, 'latin1');
      this.#socket.write(data);
      flushed = this.#socket.write('\r\n', 'latin1');
    }
    if (end) flushed = this.#socket.write(`0\r\n${trailers}\r\n`, 'latin1');
    this.#socket.uncork();
    return flushed;
  }

  #finishResponse(): void {
    this.#responded = true;
    if (this.#reader === undefined) this.#nextRequest();
    else if (!this.#keep) this.#closeSoon();
    else this.#socket.resume();
  }

  /** Answer and request are both complete. */
  #nextRequest(): void {
    this.#exchange = undefined;
    this.#head = undefined;
    if (!this.#keep) {
      this.#closeSoon();
      return;
    }
    this.#socket.resume();
    const pending = this.#pending;
    if (pending === undefined || this.#busy) return;
    this.#pending = undefined;
    // Not from inside the answer that is being written.
    queueMicrotask(() => this.#resumeWith(pending));
  }

  #resumeWith(pending: Buffer): void {
    const later = this.#pending;
    this.#pending = undefined;
    this.#process(later === undefined ? pending : Buffer.concat([pending, later]));
  }

  /** Lets the client read the answer before the connection goes: a reset could overtake it. */
  #closeSoon(): void {
    this.#closing = true;
    this.#reader = undefined;
    this.#exchange = undefined;
    this.#socket.end();
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    timer.unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #refuse(error: HttpProtocolError): void {
    this.#pending = undefined;
    this.#reader = undefined;
    const exchange = this.#exchange;
    this.#keep = false;
    if (exchange !== undefined && !exchange.isDone) {
      exchange.reply({ status: error.status, body: '', flag: 'DPE', details: error.details });
      return;
    }
    const reason = STATUS_CODES[error.status] ?? 'Bad Request';
    const body = error.details === 'missing_host_header' ? '' : reason;
    const lines =
      body === '' ? 'content-length: 0\r\n' : `content-length: ${body.length}\r\ncontent-type: text/plain\r\n`;
    this.#socket.write(
      `HTTP/1.1 ${error.status} ${reason}\r\n${lines}date: ${new Date().toUTCString()}\r\nserver: ${this.#config.serverName}\r\nconnection: close\r\n\r\n${body}`,
      'latin1',
    );
    this.#closeSoon();
  }

  abort(): void {
    this.#exchange = undefined;
    this.#socket.destroy();
  }

  pauseRequest(): void {
    if (this.#reader !== undefined) this.#socket.pause();
  }

  resumeRequest(): void {
    this.#socket.resume();
  }

  upgrade(head: ResponseHead, upstream: Socket, rest: Buffer | undefined): void {
    const exchange = this.#exchange;
    const socket = this.#socket;
    socket.removeAllListeners('data');
    socket.removeAllListeners('end');
    socket.write(`${head.text}\r\n`, 'latin1');
    if (rest !== undefined) socket.write(rest);
    if (this.#pending !== undefined) upstream.write(this.#pending);
    this.#pending = undefined;
    this.#exchange = undefined;
    joinSockets(socket, upstream, (received, sent) => exchange?.endTunnel(received, sent));
  }

  #onEnd(): void {
    this.#ended = true;
    if (this.#exchange === undefined) {
      this.#socket.end();
      return;
    }
    // As Envoy: a client that closes its side while it waits has gone away.
    this.#socket.destroy();
  }

  #onClose(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.onDownstreamClose();
  }
}

const HEAD_TIMEOUT_MS = 60_000;
