// The admin interface on 15000 and the metrics port 15090.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AdsClient } from '../xds/ads-client.ts';
import type { DataPlane } from '../data-plane.ts';
import { certificates, configDump, type DumpSource } from './config-dump.ts';
import { prometheusStats, type ServerFacts, textStats } from './stats.ts';

export interface AdminOptions {
  readonly plane: DataPlane;
  readonly discovery?: AdsClient | undefined;
  readonly isReady: () => boolean;
  readonly quit: () => void;
  readonly drain: () => void;
  readonly version: string;
}

interface Reply {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
}

type Handler = (query: URLSearchParams, request: IncomingMessage) => Reply;

const TEXT = 'text/plain; charset=UTF-8';

export class Admin {
  readonly #options: AdminOptions;
  readonly #startedMs = Date.now();
  readonly #handlers: Readonly<Record<string, Handler>>;
  readonly #servers: Server[] = [];
  #levels = new Map<string, string>(
    ['admin', 'config', 'connection', 'http', 'main', 'rbac', 'router', 'upstream'].map((name) => [name, 'warning']),
  );

  constructor(options: AdminOptions) {
    this.#options = options;
    const { plane } = options;
    const source: DumpSource = {
      plane,
      startedAt: new Date(this.#startedMs).toISOString(),
      version: (kind, name) => options.discovery?.versions(kind).get(name) ?? '',
    };
    this.#handlers = {
      '/config_dump': (query) =>
        json(
          configDump(source, { includeEds: query.has('include_eds'), resource: query.get('resource') ?? undefined }),
        ),
      '/certs': () => json(certificates(source)),
      '/clusters': (query) =>
        query.get('format') === 'json' ? json(clustersJson(plane)) : { body: clustersText(plane) },
      '/listeners': (query) =>
        query.get('format') === 'json' ? json(listenersJson(plane)) : { body: listenersText(plane) },
      '/stats': (query) => this.#stats(query),
      '/stats/prometheus': () => this.#prometheus(),
      '/server_info': () => json(this.#serverInfo()),
      '/memory': () =>
        json({
          allocated: String(process.memoryUsage().heapUsed),
          heap_size: String(process.memoryUsage().heapTotal),
          total_physical_bytes: String(process.memoryUsage.rss()),
        }),
      '/ready': () => (options.isReady() ? { body: 'LIVE\n' } : { status: 503, body: 'PRE_INITIALIZING\n' }),
      '/logging': (query, request) => this.#logging(query, request),
      '/drain_listeners': (_query, request) => this.#post(request, options.drain),
      '/healthcheck/fail': (_query, request) => this.#post(request, options.drain),
      '/quitquitquit': (_query, request) => this.#post(request, options.quit),
      '/reset_counters': (_query, request) => this.#post(request, () => {}),
    };
  }

  metrics(): string {
    return prometheusStats(this.#options.plane, this.#facts());
  }

  /** @returns the port that was bound */
  listen(host: string, port: number, only?: 'metrics'): Promise<number> {
    const server = createServer((request, response) => this.#answer(request, response, only));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new Error(
            `admin port ${host}:${port}: ${error.code === 'EADDRINUSE' ? 'already in use by another process' : error.message}`,
          ),
        ),
      );
      server.listen(port, host, () => resolve((server.address() as { port: number }).port));
    });
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse, only: 'metrics' | undefined): void {
    const url = new URL(request.url ?? '/', 'http://admin');
    const handler =
      only === 'metrics' && url.pathname !== '/stats/prometheus' ? undefined : this.#handlers[url.pathname];
    let reply: Reply;
    try {
      reply = handler?.(url.searchParams, request) ?? { status: 404, body: this.#help() };
    } catch (error) {
      reply = { status: 500, body: `${(error as Error).message}\n` };
    }
    response.writeHead(reply.status ?? 200, {
      'content-type': reply.type ?? TEXT,
      'cache-control': 'no-cache, max-age=0',
    });
    response.end(reply.body);
  }

  #help(): string {
    return `no such path; there are:\n${Object.keys(this.#handlers).join('\n')}\n`;
  }

  #post(request: IncomingMessage, act: () => void): Reply {
    if (request.method !== 'POST') return { status: 405, body: 'Method Not Allowed: use POST\n' };
    setImmediate(act);
    return { body: 'OK\n' };
  }

  #facts(): ServerFacts {
    const { discovery, isReady } = this.#options;
    return { startedMs: this.#startedMs, isLive: isReady(), discovery };
  }

  #stats(query: URLSearchParams): Reply {
    if (query.get('format') === 'prometheus') return this.#prometheus();
    const filter = query.get('filter');
    const text = textStats(this.#options.plane, this.#facts());
    const lines =
      filter === null
        ? text
        : text
            .split('\n')
            .filter((line) => line.includes(filter))
            .join('\n');
    if (query.get('format') !== 'json') return { body: lines };
    const stats = lines
      .split('\n')
      .filter(Boolean)
      .map((line) => ({
        name: line.slice(0, line.lastIndexOf(':')),
        value: Number(line.slice(line.lastIndexOf(':') + 1)),
      }));
    return json({ stats });
  }

  #prometheus(): Reply {
    return { type: 'text/plain; version=0.0.4; charset=utf-8', body: this.metrics() };
  }

  #serverInfo(): object {
    const { plane, isReady, version } = this.#options;
    const uptime = `${Math.floor((Date.now() - this.#startedMs) / 1000)}s`;
    return {
      version,
      state: plane.context.isDraining ? 'DRAINING' : isReady() ? 'LIVE' : 'PRE_INITIALIZING',
      uptime_current_epoch: uptime,
      uptime_all_epochs: uptime,
      hot_restart_version: 'disabled',
      command_line_options: {},
      node: { id: plane.node.id, cluster: plane.node.cluster, metadata: plane.node.metadata },
    };
  }

  #logging(query: URLSearchParams, request: IncomingMessage): Reply {
    if (request.method === 'POST') {
      const level = query.get('level');
      for (const [name, value] of query) {
        if (name === 'level' || name === 'paths') continue;
        if (!this.#levels.has(name)) return { status: 400, body: `error: unknown logger name ${name}\n` };
        this.#levels.set(name, value);
      }
      if (level !== null) this.#levels = new Map([...this.#levels.keys()].map((name) => [name, level]));
    }
    return { body: `active loggers:\n${[...this.#levels].map(([name, level]) => `  ${name}: ${level}\n`).join('')}` };
  }
}

function json(value: object): Reply {
  return { type: 'application/json', body: JSON.stringify(value, null, 1) };
}

function clustersText(plane: DataPlane): string {
  let text = '';
  for (const cluster of plane.clusters.values()) {
    const { limits } = cluster.config;
    text += `${cluster.name}::default_priority::max_connections::${limits.maxConnections}\n`;
    text += `${cluster.name}::default_priority::max_requests::${limits.maxRequests}\n`;
    for (const endpoint of cluster.endpoints.values()) {
      const at = `${cluster.name}::${endpoint.key}`;
      text += `${at}::cx_active::${endpoint.connections}\n${at}::rq_active::${endpoint.active}\n${at}::rq_total::${endpoint.requests}\n`;
      text += `${at}::health_flags::${healthFlags(endpoint)}\n${at}::weight::${endpoint.weight}\n`;
    }
  }
  return text;
}

function healthFlags(endpoint: { healthy: boolean; ejectedUntil: number }): string {
  if (endpoint.ejectedUntil !== 0) return '/failed_outlier_check';
  return endpoint.healthy ? 'healthy' : '/failed_eds_health';
}

function clustersJson(plane: DataPlane): object {
  return {
    cluster_statuses: [...plane.clusters.values()].map((cluster) => ({
      name: cluster.name,
      added_via_api: true,
      host_statuses: [...cluster.endpoints.values()].map((endpoint) => ({
        address: { socket_address: { address: endpoint.address, port_value: endpoint.port } },
        stats: [
          { name: 'cx_active', type: 'GAUGE', value: String(endpoint.connections) },
          { name: 'cx_connect_fail', value: String(endpoint.connectFailures) },
          { name: 'rq_active', type: 'GAUGE', value: String(endpoint.active) },
          { name: 'rq_error', value: String(endpoint.errors) },
          { name: 'rq_total', value: String(endpoint.requests) },
        ],
        health_status: {
          eds_health_status: endpoint.healthy ? 'HEALTHY' : 'UNHEALTHY',
          ...(endpoint.ejectedUntil === 0 ? {} : { failed_outlier_check: true }),
        },
        weight: endpoint.weight,
        ...(endpoint.priority === 0 ? {} : { priority: endpoint.priority }),
        locality:
          endpoint.locality === undefined
            ? {}
            : { region: endpoint.locality.region, zone: endpoint.locality.zone, sub_zone: endpoint.locality.subZone },
      })),
      circuit_breakers: {
        thresholds: [
          { max_connections: cluster.config.limits.maxConnections, max_requests: cluster.config.limits.maxRequests },
        ],
      },
      observability_name: `${cluster.name};`,
    })),
  };
}

function listenersText(plane: DataPlane): string {
  return plane.listeners.configs.map(({ name, address, port }) => `${name}::${address}:${port}\n`).join('');
}

function listenersJson(plane: DataPlane): object {
  return {
    listener_statuses: plane.listeners.configs.map(({ name, address, port }) => ({
      name,
      local_address: { socket_address: { address, port_value: port } },
    })),
  };
}
