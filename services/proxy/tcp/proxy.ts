// TcpProxy: one upstream connection for each downstream connection, chosen by weight and balancer.
import { connect as netConnect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { AccessLogFormat, AccessRecord } from '#lib/telemetry/access-log.ts';
import { subjectAltNames } from '../config/san.ts';
import type { ConnectionInfo } from '../stack/connection-info.ts';
import type { ProxyContext } from '../stack/context.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { joinSockets } from './join.ts';

export interface TcpConfig {
  readonly statPrefix: string;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  readonly totalWeight: number;
  /** 0: none. */
  readonly idleTimeoutMs: number;
  readonly maxConnectAttempts: number;
  readonly accessLogs: readonly AccessLogFormat[];
  readonly layers: readonly TcpLayer[];
}

/** Filters of a TCP chain. */
export interface TcpLayer {
  readonly name: string;
  /** A reason refuses the connection. */
  onConnection?(tunnel: TcpTunnel): string | undefined;
  /** Both sides are known. */
  onOpen?(tunnel: TcpTunnel): void;
  onEnd?(tunnel: TcpTunnel): void;
}

export class TcpTunnel implements AccessRecord {
  readonly config: TcpConfig;
  readonly connection: ConnectionInfo;
  readonly context: ProxyContext;
  readonly startMs = Date.now();
  durationMs = 0;
  readonly method = undefined;
  readonly path = undefined;
  readonly authority = undefined;
  readonly protocol = undefined;
  readonly requestHead = undefined;
  readonly responseHead = undefined;
  readonly requestId = undefined;
  readonly status = 0;
  readonly routeName = undefined;
  readonly upstreamServiceMs = undefined;
  responseFlags = '-';
  responseCodeDetails: string | undefined;
  terminationDetails: string | undefined;
  upstreamFailure: string | undefined;
  bytesReceived = 0;
  bytesSent = 0;
  upstreamLocalAddress: string | undefined;
  cluster: Cluster | undefined;
  endpoint: Endpoint | undefined;
  upstreamUris: readonly string[] = [];
  readonly #socket: Socket;
  #attempts = 0;
  #ended = false;

  constructor(socket: Socket, config: TcpConfig, context: ProxyContext, connection: ConnectionInfo) {
    this.#socket = socket;
    this.config = config;
    this.context = context;
    this.connection = connection;
    context.active++;
  }

  get upstreamCluster(): string | undefined {
    return this.cluster?.name;
  }
  get upstreamHost(): string | undefined {
    return this.endpoint?.key;
  }
  get downstreamLocalAddress(): string {
    return this.connection.local;
  }
  get downstreamRemoteAddress(): string {
    return this.connection.remote;
  }
  get requestedServerName(): string | undefined {
    return this.connection.serverName;
  }

  start(): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.pause();
    socket.on('error', () => {});
    for (const layer of this.config.layers) {
      const refusal = layer.onConnection?.(this);
      if (refusal === undefined) continue;
      this.terminationDetails = refusal;
      return this.#fail('');
    }
    this.cluster = this.#chooseCluster();
    if (this.cluster === undefined) return this.#fail('NC');
    this.#connect(this.cluster);
  }

  #chooseCluster(): Cluster | undefined {
    const { clusters, totalWeight } = this.config;
    let point = this.context.random() * totalWeight;
    for (const { name, weight } of clusters) {
      point -= weight;
      if (point < 0) return this.context.clusters.get(name);
    }
    return undefined;
  }

  #connect(cluster: Cluster): void {
    const { limits, connectTimeoutMs, bindAddress } = cluster.config;
    if (cluster.connections >= limits.maxConnections) return this.#fail('UO');
    const endpoint =
      cluster.config.discovery === 'original-dst'
        ? cluster.originalDestination(this.connection.localAddress, this.connection.localPort)
        : cluster.pick(undefined);
    if (endpoint === undefined) return this.#fail('UH');
    this.endpoint = endpoint;
    this.#attempts++;
    let upstream: Socket;
    const target = { host: endpoint.address, port: endpoint.port };
    try {
      upstream =
        endpoint.tls === undefined
          ? netConnect({
              ...target,
              allowHalfOpen: true,
              ...(bindAddress === undefined ? {} : { localAddress: bindAddress }),
            })
          : endpoint.tls.connect({ ...target, localAddress: bindAddress }, 'tcp');
    } catch (error) {
      this.upstreamFailure = (error as Error).message;
      return this.#fail('UF');
    }
    cluster.connections++;
    endpoint.connections++;
    endpoint.active++;
    let connected = false;
    let failure = 'connection closed';
    const timer = setTimeout(() => {
      failure = 'connection timeout';
      upstream.destroy();
    }, connectTimeoutMs);
    const abandon = (): void => {
      upstream.destroy();
    };
    this.#socket.once('close', abandon);
    upstream.on('error', (error) => {
      failure = error.message;
    });
    upstream.once(endpoint.tls === undefined ? 'connect' : 'secureConnect', () => {
      connected = true;
      clearTimeout(timer);
      this.#socket.off('close', abandon);
      this.#join(upstream, endpoint);
    });
    upstream.once('close', () => {
      clearTimeout(timer);
      cluster.connections--;
      endpoint.connections--;
      endpoint.active--;
      if (connected) return;
      endpoint.connectFailures++;
      cluster.counters.connectFailures++;
      cluster.outlier?.onLocalFailure(endpoint);
      this.upstreamFailure = failure;
      if (this.#socket.destroyed) return this.#fail('DC');
      this.#socket.off('close', abandon);
      if (this.#attempts < this.config.maxConnectAttempts) this.#connect(cluster);
      else this.#fail('UF,URX');
    });
  }

  #join(upstream: Socket, endpoint: Endpoint): void {
    upstream.setNoDelay(true);
    this.upstreamFailure = undefined;
    this.upstreamLocalAddress = `${upstream.localAddress}:${upstream.localPort}`;
    if (endpoint.tls !== undefined) {
      this.upstreamUris = subjectAltNames((upstream as TLSSocket).getPeerCertificate())
        .filter(({ kind }) => kind === 'URI')
        .map(({ value }) => value);
    }
    for (const layer of this.config.layers) layer.onOpen?.(this);
    const { idleTimeoutMs } = this.config;
    if (idleTimeoutMs > 0) {
      this.#socket.setTimeout(idleTimeoutMs, () => {
        this.responseFlags = 'SI';
        this.#socket.destroy();
        upstream.destroy();
      });
    }
    joinSockets(this.#socket, upstream, (received, sent) => {
      this.bytesReceived = received;
      this.bytesSent = sent;
      this.#end();
    });
  }

  #fail(flags: string): void {
    if (flags !== '') this.responseFlags = flags;
    this.#socket.destroy();
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.context.active--;
    this.durationMs = Date.now() - this.startMs;
    for (const layer of this.config.layers) layer.onEnd?.(this);
    for (const format of this.config.accessLogs) this.context.writeAccess(format(this));
  }
}
