// From an accepted connection to the filter chain that serves it: original destination, a look at the first bytes, TLS.
import type { Socket } from 'node:net';
import type { FilterChain, ListenerConfig } from '../config/listener-config.ts';
import { chooseChain, type ConnectionTraits } from '../config/filter-chain-match.ts';
import type { SecretStore } from '../config/secrets.ts';
import type { ConnectionInfo, TlsPeer } from '../stack/connection-info.ts';
import type { ProxyContext } from '../stack/context.ts';
import { Http1Server } from '../stack/http1-server.ts';
import { Http2Server } from '../stack/http2-server.ts';
import { TcpTunnel } from '../tcp/proxy.ts';
import { DownstreamTls } from './downstream-tls.ts';
import { readClientHello } from './client-hello.ts';
import { sniffHttp } from './http-sniff.ts';
import type { Destination } from './original-destination.ts';

export interface Connections {
  add(connection: Http1Server, socket: Socket, chain: FilterChain): void;
}

export interface AcceptorOptions {
  readonly context: ProxyContext;
  readonly secrets: SecretStore;
  readonly connections: Connections;
  /** Listener for a redirected connection, or undefined: the one that accepted it serves it. */
  findListener(destination: Destination, acceptedBy: ListenerConfig): ListenerConfig | undefined;
  originalDestination(socket: Socket): Destination | undefined;
  /** Connections that were refused before they reached a chain. */
  onRefused(listener: ListenerConfig, info: ConnectionInfo, reason: string): void;
}

const MAX_PEEK_BYTES = 16 * 1024;

interface Peeked {
  readonly bytes: Buffer | undefined;
  readonly transport: 'tls' | 'raw_buffer';
  readonly serverName: string | undefined;
  readonly protocols: readonly string[];
}

interface Inspects {
  readonly tls: boolean;
  readonly http: boolean;
}

const NOTHING: Peeked = { bytes: undefined, transport: 'raw_buffer', serverName: undefined, protocols: [] };

export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #tls = new WeakMap<FilterChain, DownstreamTls>();
  readonly http2: Http2Server;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.http2 = new Http2Server(options.context);
  }

  accept(socket: Socket, acceptedBy: ListenerConfig): void {
    socket.on('error', () => {});
    const destination =
      acceptedBy.useOriginalDestination || acceptedBy.direction === 'inbound'
        ? this.#options.originalDestination(socket)
        : undefined;
    const own = { address: stripMapped(socket.localAddress ?? ''), port: socket.localPort ?? 0 };
    const target = destination ?? own;
    const listener =
      (acceptedBy.useOriginalDestination ? this.#options.findListener(target, acceptedBy) : undefined) ?? acceptedBy;
    const inspects = { tls: listener.inspectsTls(target.port), http: listener.inspectsHttp(target.port) };
    if (!inspects.tls && !inspects.http) {
      this.#serve(socket, listener, target, NOTHING);
      return;
    }
    peek(socket, listener, inspects, (peeked) => this.#serve(socket, listener, target, peeked));
  }

  #serve(socket: Socket, listener: ListenerConfig, target: Destination, peeked: Peeked): void {
    if (socket.destroyed) return;
    const remoteAddress = stripMapped(socket.remoteAddress ?? '');
    const remotePort = socket.remotePort ?? 0;
    const traits: ConnectionTraits = {
      destinationAddress: target.address,
      destinationPort: target.port,
      serverName: peeked.serverName,
      transportProtocol: peeked.transport,
      applicationProtocols: peeked.protocols,
      sourceAddress: remoteAddress,
      sourcePort: remotePort,
    };
    const info: ConnectionInfo = {
      remoteAddress,
      remotePort,
      localAddress: target.address,
      localPort: target.port,
      remote: addressText(remoteAddress, remotePort),
      local: addressText(target.address, target.port),
      serverName: peeked.serverName,
      tls: undefined,
    };
    const chain = chooseChain(listener.chains, traits) ?? listener.defaultChain;
    if (chain === undefined) {
      this.#options.onRefused(listener, info, 'filter_chain_not_found');
      socket.destroy();
      return;
    }
    if (chain.tls === undefined) {
      this.#run(socket, chain, info, peeked.bytes);
      return;
    }
    if (peeked.bytes !== undefined) socket.unshift(peeked.bytes);
    let tls = this.#tls.get(chain);
    if (tls === undefined) {
      tls = new DownstreamTls(chain.tls, this.#options.secrets);
      this.#tls.set(chain, tls);
    }
    tls.terminate(socket, peeked.transport === 'tls' ? peeked.protocols : undefined, (result) => {
      if ('failure' in result) {
        this.#options.onRefused(listener, info, result.failure);
        socket.destroy();
        return;
      }
      this.#run(result.socket, chain, withTls(info, result.peer), undefined);
    });
  }

  #run(socket: Socket, chain: FilterChain, info: ConnectionInfo, initial: Buffer | undefined): void {
    const { context } = this.#options;
    const service = chain.service.current;
    if (service.kind === 'tcp') {
      if (initial !== undefined) socket.unshift(initial);
      new TcpTunnel(socket, service.tcp, context, info).start();
      return;
    }
    const isHttp2 = info.tls?.alpn === 'h2' || info.tls?.alpn === 'istio-h2' || service.http.codec === 'http2';
    if (isHttp2) {
      this.http2.serve(socket, chain.service, info, initial);
      return;
    }
    if (service.http.codec === 'auto' && info.tls === undefined) {
      firstBytes(socket, initial, (bytes) => {
        if (bytes.toString('latin1', 0, 3) === 'PRI') this.http2.serve(socket, chain.service, info, bytes);
        else this.#http1(socket, chain, info, bytes);
      });
      return;
    }
    this.#http1(socket, chain, info, initial);
  }

  #http1(socket: Socket, chain: FilterChain, info: ConnectionInfo, initial: Buffer | undefined): void {
    const { context, connections } = this.#options;
    const server = new Http1Server(socket, chain.service, context, info);
    connections.add(server, socket, chain);
    if (initial !== undefined) server.onData(initial);
    socket.resume();
  }
}

function withTls(info: ConnectionInfo, tls: TlsPeer): ConnectionInfo {
  return { ...info, tls };
}

/** Reads until the inspectors of the listener know enough. */
function peek(socket: Socket, listener: ListenerConfig, inspects: Inspects, done: (peeked: Peeked) => void): void {
  let bytes: Buffer | undefined;
  let timer: NodeJS.Timeout | undefined;
  const finish = (peeked: Peeked): void => {
    clearTimeout(timer);
    socket.off('readable', read);
    socket.off('close', abandon);
    socket.off('end', abandon);
    done(peeked);
  };
  const abandon = (): void => {
    clearTimeout(timer);
    socket.destroy();
  };
  const read = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    bytes = bytes === undefined ? chunk : Buffer.concat([bytes, chunk]);
    const peeked = inspect(bytes, inspects);
    if (peeked !== undefined) finish(peeked);
  };
  if (listener.inspectTimeoutMs > 0) {
    timer = setTimeout(() => {
      if (listener.continueOnTimeout) finish({ ...NOTHING, bytes });
      else socket.destroy();
    }, listener.inspectTimeoutMs);
  }
  socket.on('readable', read);
  socket.once('close', abandon);
  socket.once('end', abandon);
}

/** Undefined: not enough bytes yet. */
function inspect(bytes: Buffer, inspects: Inspects): Peeked | undefined {
  if (inspects.tls) {
    const hello = readClientHello(bytes);
    if (hello === undefined && bytes.length < MAX_PEEK_BYTES) return undefined;
    if (hello !== undefined && hello !== 'not-tls') {
      return { bytes, transport: 'tls', serverName: hello.serverName, protocols: hello.alpn };
    }
  }
  if (!inspects.http) return { ...NOTHING, bytes };
  const protocol = sniffHttp(bytes);
  if (protocol === undefined) return undefined;
  return { ...NOTHING, bytes, protocols: protocol === 'none' ? [] : [protocol] };
}

/** HTTP/1.1 or HTTP/2? The first bytes say. */
function firstBytes(socket: Socket, initial: Buffer | undefined, done: (bytes: Buffer) => void): void {
  if (initial !== undefined && initial.length >= 3) return done(initial);
  socket.once('data', (chunk: Buffer) => {
    socket.pause();
    const bytes = initial === undefined ? chunk : Buffer.concat([initial, chunk]);
    if (bytes.length < 3 && 'PRI'.startsWith(bytes.toString('latin1', 0, 3))) firstBytes(socket, bytes, done);
    else done(bytes);
  });
}

function stripMapped(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

function addressText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
