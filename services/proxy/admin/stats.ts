// Envoy-level statistics of clusters, listeners and the server, in Envoy's text form and as Prometheus metrics.
import type { DataPlane } from '../data-plane.ts';
import { escapeLabel } from '#lib/telemetry/registry.ts';

export interface ServerFacts {
  readonly startedMs: number;
  readonly isLive: boolean;
  readonly discovery: { readonly connected: boolean; readonly connectFailures: number } | undefined;
}

type Row = readonly [name: string, value: number];

/** `cluster.<name>.upstream_cx_active: 1` rows, sorted. */
export function textStats(plane: DataPlane, facts: ServerFacts): string {
  const rows: Row[] = [...serverRows(plane, facts)];
  for (const cluster of plane.clusters.values()) {
    for (const [stat, value] of clusterRows(cluster)) rows.push([`cluster.${cluster.name};.${stat}`, value]);
  }
  return rows
    .map(([name, value]) => `${name}: ${value}\n`)
    .sort()
    .join('');
}

function serverRows(plane: DataPlane, { startedMs, isLive, discovery }: ServerFacts): Row[] {
  return [
    ['server.uptime', Math.floor((Date.now() - startedMs) / 1000)],
    ['server.live', isLive ? 1 : 0],
    ['server.state', isLive ? 0 : 2],
    ['server.memory_allocated', process.memoryUsage().heapUsed],
    ['server.memory_physical_size', process.memoryUsage.rss()],
    ['server.total_connections', plane.listeners.openConnections],
    ['listener_manager.total_listeners_active', plane.listeners.configs.length],
    ['listener_manager.workers_started', 1],
    ['cluster_manager.active_clusters', plane.clusters.size],
    ['cluster.xds-grpc.upstream_cx_active', discovery?.connected ? 1 : 0],
    ['cluster.xds-grpc.upstream_cx_connect_fail', discovery?.connectFailures ?? 0],
  ];
}

function clusterRows(cluster: DataPlane['clusters'] extends Map<string, infer C> ? C : never): Row[] {
  let available = 0;
  for (const endpoint of cluster.endpoints.values()) if (endpoint.available) available++;
  const { counters } = cluster;
  return [
    ['upstream_cx_active', cluster.connections],
    ['upstream_rq_active', cluster.activeRequests],
    ['upstream_rq_total', counters.requests],
    ['upstream_cx_connect_fail', counters.connectFailures],
    ['upstream_rq_timeout', counters.timeouts],
    ['upstream_rq_retry', counters.retries],
    ['upstream_rq_pending_overflow', counters.pendingOverflow],
    ['upstream_rq_rx_reset', counters.resets],
    ['outlier_detection.ejections_enforced_total', cluster.outlier?.ejections ?? 0],
    ['membership_total', cluster.endpoints.size],
    ['membership_healthy', available],
  ];
}

/** The rows that Istio keeps by default (server and discovery), and everything of istio_*. */
export function prometheusStats(plane: DataPlane, facts: ServerFacts): string {
  let text = '';
  for (const [name, value] of serverRows(plane, facts)) {
    const cluster = /^cluster\.([^.]+)\.(.+)$/.exec(name);
    const metric = `envoy_${cluster === null ? name.replaceAll('.', '_') : `cluster_${cluster[2]?.replaceAll('.', '_')}`}`;
    const labels = cluster === null ? '' : `{cluster_name="${escapeLabel(cluster[1] ?? '')}"}`;
    text += `# TYPE ${metric} gauge\n${metric}${labels} ${value}\n`;
  }
  return text + plane.registry.expose();
}
