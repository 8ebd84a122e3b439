// One upstream cluster at run time: its endpoints, balancer, limits, outlier detection and idle connections.
// A configuration change keeps endpoints and their connections where address and transport stay the same.
import { Balancer } from '#lib/balance/balancer.ts';
import type { HostGroup } from '#lib/balance/host.ts';
import type { ClusterConfig, EndpointConfig } from '../config/cluster-config.ts';
import { Endpoint } from './endpoint.ts';
import { Http1Upstream, type UpstreamStream } from './http1-connection.ts';
import { Http2Session, Http2Upstream } from './http2-connection.ts';
import { OutlierDetector } from './outlier.ts';

export interface ClusterCounters {
  requests: number;
  connectFailures: number;
  timeouts: number;
  retries: number;
  pendingOverflow: number;
  resets: number;
}

const MAX_DYNAMIC_ENDPOINTS = 4096;

export class Cluster {
  config: ClusterConfig;
  readonly endpoints = new Map<string, Endpoint>();
  readonly counters: ClusterCounters = {
    requests: 0,
    connectFailures: 0,
    timeouts: 0,
    retries: 0,
    pendingOverflow: 0,
    resets: 0,
  };
  connections = 0;
  activeRequests = 0;
  activeRetries = 0;
  /** Endpoints were delivered at least once. */
  hasEndpoints = false;
  outlier: OutlierDetector | undefined;
  /** Requests that wait for a connection. */
  readonly waiting = new Set<() => void>();
  /** Requests that wait for the first endpoints. */
  readonly warming = new Set<() => void>();
  /** Telemetry's series of this cluster, by a key of its own. */
  readonly series = new Map<number | string, unknown>();
  #groups: HostGroup<Endpoint>[] = [];
  #balancer: Balancer<Endpoint>;
  readonly #random: () => number;
  readonly #sessions = new Map<Endpoint, Http2Session>();
  #timer: NodeJS.Timeout | undefined;

  constructor(config: ClusterConfig, random: () => number) {
    this.config = config;
    this.#random = random;
    this.#balancer = this.#newBalancer();
    this.#startOutlier();
  }

  /** Endpoints were announced but have not come yet. */
  get isWarming(): boolean {
    return !this.hasEndpoints && (this.config.discovery === 'eds' || this.config.discovery === 'dns');
  }

  get name(): string {
    return this.config.name;
  }

  reconfigure(config: ClusterConfig): void {
    const transportChanged = config.transportVersion !== this.config.transportVersion;
    this.config = config;
    this.series.clear();
    if (transportChanged) {
      for (const endpoint of this.endpoints.values()) {
        endpoint.tls = config.transport(endpoint.metadata);
        for (const connection of endpoint.idle.splice(0)) connection.destroy();
      }
    }
    this.#startOutlier();
    this.#balancer = this.#newBalancer();
  }

  setEndpoints(
    groups: readonly {
      readonly priority: number;
      readonly localityWeight: number;
      readonly endpoints: readonly EndpointConfig[];
    }[],
  ): void {
    const seen = new Set<string>();
    this.#groups = groups.map(({ priority, localityWeight, endpoints }) => ({
      priority,
      localityWeight,
      hosts: endpoints.map((config) => {
        const endpoint = this.#adopt(config, priority);
        seen.add(endpoint.key);
        return endpoint;
      }),
    }));
    for (const [key, endpoint] of this.endpoints) {
      if (seen.has(key)) continue;
      this.endpoints.delete(key);
      this.#retire(endpoint);
    }
    this.hasEndpoints = true;
    this.#balancer = this.#newBalancer();
    for (const waiter of this.warming) queueMicrotask(waiter);
    this.warming.clear();
  }

  #adopt(config: EndpointConfig, priority: number): Endpoint {
    const fresh = new Endpoint(config.address, config.port);
    const endpoint = this.endpoints.get(fresh.key) ?? fresh;
    this.endpoints.set(endpoint.key, endpoint);
    endpoint.weight = config.weight;
    endpoint.priority = priority;
    endpoint.healthy = config.healthy;
    endpoint.available = config.healthy && endpoint.ejectedUntil === 0;
    endpoint.locality = config.locality;
    endpoint.workload = config.workload;
    endpoint.metadata = config.metadata;
    const tls = this.config.transport(config.metadata);
    if (tls !== endpoint.tls) {
      for (const connection of endpoint.idle.splice(0)) connection.destroy();
      endpoint.tls = tls;
    }
    return endpoint;
  }

  pick(hash: number | undefined, refuse?: (endpoint: Endpoint) => boolean): Endpoint | undefined {
    return this.#balancer.pick(hash, refuse);
  }

  /** The endpoint of an ORIGINAL_DST cluster: the address that the client meant. */
  originalDestination(address: string, port: number): Endpoint {
    const fresh = new Endpoint(address, this.config.portOverride ?? port);
    const known = this.endpoints.get(fresh.key);
    if (known !== undefined) return known;
    if (this.endpoints.size >= MAX_DYNAMIC_ENDPOINTS) this.#dropUnused();
    fresh.tls = this.config.transport({});
    this.endpoints.set(fresh.key, fresh);
    return fresh;
  }

  #dropUnused(): void {
    for (const [key, endpoint] of this.endpoints) {
      if (endpoint.connections === 0 && endpoint.active === 0) this.endpoints.delete(key);
    }
  }

  /** An idle connection, the one used last, or undefined. */
  takeIdle(endpoint: Endpoint, nowMs: number): Http1Upstream | undefined {
    for (let connection = endpoint.idle.pop(); connection !== undefined; connection = endpoint.idle.pop()) {
      const idleMs = nowMs - connection.idleSinceMs;
      if (connection.isUsable && idleMs < connection.idleLimitMs && idleMs < this.config.idleTimeoutMs)
        return connection;
      connection.destroy();
    }
    return undefined;
  }

  /** @throws if the TLS context cannot be made (a secret is missing or broken) */
  open(endpoint: Endpoint): Http1Upstream {
    return new Http1Upstream(this, endpoint);
  }

  /** A stream on the endpoint's session; the session is made on first use. */
  openHttp2(endpoint: Endpoint): UpstreamStream {
    let session = this.#sessions.get(endpoint);
    if (session === undefined || !session.isUsable) {
      session = new Http2Session(this, endpoint);
      this.#sessions.set(endpoint, session);
    }
    return new Http2Upstream(session);
  }

  closedSession(session: Http2Session): void {
    if (this.#sessions.get(session.endpoint) === session) this.#sessions.delete(session.endpoint);
  }

  /** Does this cluster get HTTP/2 from a client of that protocol? */
  speaksHttp2(protocol: string): boolean {
    return this.config.http2 || (this.config.mirrorsDownstreamProtocol && protocol === 'HTTP/2');
  }

  #retire(endpoint: Endpoint): void {
    endpoint.retire();
    this.#sessions.get(endpoint)?.retire();
  }

  release(connection: Http1Upstream): void {
    const { endpoint } = connection;
    const { maxRequestsPerConnection } = this.config;
    const worn = maxRequestsPerConnection > 0 && connection.uses >= maxRequestsPerConnection;
    if (endpoint.removed || worn) {
      connection.destroy();
      return;
    }
    connection.idleSinceMs = Date.now();
    endpoint.idle.push(connection);
    if (this.waiting.size > 0) this.#next();
  }

  closed(connection: Http1Upstream): void {
    this.connections--;
    const { idle } = connection.endpoint;
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    if (this.waiting.size > 0) this.#next();
  }

  #next(): void {
    for (const first of this.waiting) {
      this.waiting.delete(first);
      // Not from inside the exchange that is just ending.
      queueMicrotask(first);
      return;
    }
  }

  /** Closes connections that nobody used for long. */
  sweepIdle(nowMs: number): void {
    for (const endpoint of this.endpoints.values()) {
      for (const connection of [...endpoint.idle]) {
        const idleMs = nowMs - connection.idleSinceMs;
        if (idleMs >= connection.idleLimitMs || idleMs >= this.config.idleTimeoutMs) connection.destroy();
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const endpoint of this.endpoints.values()) this.#retire(endpoint);
  }

  #newBalancer(): Balancer<Endpoint> {
    const { balance, panicThreshold, localityWeighted } = this.config;
    return new Balancer(this.#groups, { policy: balance, panicThreshold, localityWeighted, random: this.#random });
  }

  #startOutlier(): void {
    clearInterval(this.#timer);
    const { outlier } = this.config;
    this.outlier =
      outlier === undefined
        ? undefined
        : new OutlierDetector(
            outlier,
            () => this.endpoints.values(),
            () => this.#balancer.refresh(),
          );
    if (outlier === undefined) return;
    this.#timer = setInterval(() => this.outlier?.sweep(), outlier.intervalMs);
    this.#timer.unref();
  }
}
