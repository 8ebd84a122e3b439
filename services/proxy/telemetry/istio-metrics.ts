// Istio's standard metrics. Series are resolved once per (cluster, peer, code, flags) and kept with the cluster.
import type { HistogramSeries, Registry, Series, Family } from '#lib/telemetry/registry.ts';
import type { Exchange } from '../stack/exchange.ts';
import type { TcpTunnel } from '../tcp/proxy.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { localPeer, type Peer, PeerBook, UNKNOWN_PEER } from './peer.ts';

const COMMON_LABELS = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
  'request_protocol',
  'response_flags',
  'connection_security_policy',
];
const HTTP_LABELS = [...COMMON_LABELS, 'response_code', 'grpc_response_status'];

interface RequestSeries {
  readonly total: Series;
  readonly duration: HistogramSeries;
  readonly requestBytes: HistogramSeries;
  readonly responseBytes: HistogramSeries;
}

interface TcpSeries {
  readonly opened: Series;
  readonly closed: Series;
  readonly sent: Series;
  readonly received: Series;
}

type Direction = 'inbound' | 'outbound' | 'unspecified';

export interface PassThroughNames {
  readonly service: string;
  readonly name: string;
}

export class IstioMetrics {
  readonly peers = new PeerBook();
  readonly local: Peer;
  /** Value of x-envoy-peer-metadata. */
  readonly localHeader: string;
  readonly nodeId: string;
  readonly #namespace: string;
  readonly #requests: Family<Series>;
  readonly #duration: Family<HistogramSeries>;
  readonly #requestBytes: Family<HistogramSeries>;
  readonly #responseBytes: Family<HistogramSeries>;
  readonly #tcp: { opened: Family<Series>; closed: Family<Series>; sent: Family<Series>; received: Family<Series> };
  readonly #flags = new Map<string, number>([['-', 0]]);
  readonly #principals = new Map<string, number>([['', 0]]);
  readonly #unrouted = new Map<string, RequestSeries>();

  constructor(registry: Registry, node: { readonly id: string; readonly metadata: Readonly<Record<string, unknown>> }) {
    const { peer, header } = localPeer(node.metadata);
    this.local = peer;
    this.localHeader = header;
    this.nodeId = node.id;
    this.#namespace = String(node.metadata['NAMESPACE'] ?? 'unknown');
    this.#requests = registry.counter('istio_requests_total', HTTP_LABELS);
    this.#duration = registry.histogram('istio_request_duration_milliseconds', HTTP_LABELS);
    this.#requestBytes = registry.histogram('istio_request_bytes', HTTP_LABELS);
    this.#responseBytes = registry.histogram('istio_response_bytes', HTTP_LABELS);
    this.#tcp = {
      opened: registry.counter('istio_tcp_connections_opened_total', COMMON_LABELS),
      closed: registry.counter('istio_tcp_connections_closed_total', COMMON_LABELS),
      sent: registry.counter('istio_tcp_sent_bytes_total', COMMON_LABELS),
      received: registry.counter('istio_tcp_received_bytes_total', COMMON_LABELS),
    };
    registry
      .gauge('istio_build', ['component', 'tag'])
      .series('proxy', String(node.metadata['ISTIO_VERSION'] ?? 'unknown')).value = 1;
  }

  onExchange(exchange: Exchange): void {
    const series = this.#seriesOf(exchange);
    series.total.value++;
    series.duration.observe(exchange.durationMs);
    series.requestBytes.observe(exchange.requestHeadBytes + exchange.bytesReceived);
    series.responseBytes.observe(exchange.responseHeadBytes + exchange.bytesSent);
  }

  #seriesOf(exchange: Exchange): RequestSeries {
    const { cluster } = exchange;
    const peer = this.#peerOf(exchange);
    const principal = principalOf(exchange);
    // Calls to addresses the mesh knows nothing of are told apart by Host: too many for a small key.
    if (cluster?.config.service === undefined && exchange.config.direction !== 'inbound') {
      const key = `${cluster?.name}|${exchange.authority}|${exchange.status}|${exchange.responseFlags}|${exchange.grpcStatus}|${peer.index}|${principal}`;
      let found = this.#unrouted.get(key);
      if (found === undefined) {
        found = this.#resolve(exchange, peer, principal);
        if (this.#unrouted.size < 4096) this.#unrouted.set(key, found);
      }
      return found;
    }
    const home = cluster?.series ?? this.#unrouted;
    const grpc = exchange.isGrpc ? (exchange.grpcStatus ?? 63) + 1 : 0;
    const small = exchange.status + 1024 * (this.#indexOf(this.#flags, exchange.responseFlags) + 64 * grpc);
    const key = small + 4_194_304 * (peer.index + 4096 * this.#indexOf(this.#principals, principal));
    const known = (home as Map<number | string, unknown>).get(key);
    if (known !== undefined) return known as RequestSeries;
    const series = this.#resolve(exchange, peer, principal);
    (home as Map<number | string, unknown>).set(key, series);
    return series;
  }

  #indexOf(table: Map<string, number>, text: string): number {
    const known = table.get(text);
    if (known !== undefined) return known;
    if (table.size >= (table === this.#flags ? 64 : 2048)) return 0;
    table.set(text, table.size);
    return table.size - 1;
  }

  #peerOf(exchange: Exchange): Peer {
    if (exchange.peer !== undefined) return exchange.peer as Peer;
    const workload = exchange.config.direction === 'inbound' ? undefined : exchange.endpoint?.workload;
    return workload === undefined ? UNKNOWN_PEER : this.peers.fromWorkload(workload);
  }

  #resolve(exchange: Exchange, peer: Peer, principal: string): RequestSeries {
    const { direction } = exchange.config;
    const labels = [
      ...this.#labels(
        direction,
        peer,
        principal,
        exchange.connection.tls?.localUri ?? '',
        exchange.cluster,
        exchange.authority,
        exchange.responseFlags,
      ),
      String(exchange.status),
      exchange.isGrpc ? String(exchange.grpcStatus ?? 2) : '',
    ];
    labels[COMMON_LABELS.indexOf('request_protocol')] = exchange.isGrpc ? 'grpc' : 'http';
    return {
      total: this.#requests.series(...labels),
      duration: this.#duration.series(...labels),
      requestBytes: this.#requestBytes.series(...labels),
      responseBytes: this.#responseBytes.series(...labels),
    };
  }

  #labels(
    direction: Direction,
    peer: Peer,
    principal: string,
    localUri: string,
    cluster: Cluster | undefined,
    authority: string | undefined,
    flags: string,
  ): string[] {
    const inbound = direction === 'inbound';
    const [source, destination] = inbound ? [peer, this.local] : [this.local, peer];
    const service = cluster?.config.service;
    const host = service?.host || (inbound ? this.local.canonicalName : hostFallback(authority, peer));
    const name = service?.name || specialName(cluster?.name, inbound) || shortName(host) || destination.canonicalName;
    const peerNamespace = namespaceOf(principal) ?? peer.namespace;
    const mutual = inbound && principal !== '' && localUri !== '';
    return [
      inbound ? 'destination' : 'source',
      source.workload,
      source.canonicalName,
      source.canonicalRevision,
      inbound ? peerNamespace : this.local.namespace,
      (inbound ? principal : localUri) || 'unknown',
      source.app,
      source.version,
      source.cluster,
      destination.workload,
      inbound ? this.local.namespace : peerNamespace,
      (inbound ? localUri : principal) || 'unknown',
      destination.app,
      destination.version,
      host,
      destination.canonicalName,
      destination.canonicalRevision,
      name,
      inbound ? this.#namespace : service?.namespace || peer.namespace,
      destination.cluster,
      'tcp',
      flags,
      inbound ? (mutual ? 'mutual_tls' : 'none') : 'unknown',
    ];
  }

  onTunnelOpen(tunnel: TcpTunnel): void {
    this.#tcpSeries(tunnel).opened.value++;
  }

  onTunnelEnd(tunnel: TcpTunnel): void {
    const series = this.#tcpSeries(tunnel);
    series.closed.value++;
    series.sent.value += tunnel.bytesSent;
    series.received.value += tunnel.bytesReceived;
  }

  #tcpSeries(tunnel: TcpTunnel): TcpSeries {
    const { direction } = tunnel.config;
    const inbound = direction === 'inbound';
    const principal = (inbound ? tunnel.connection.tls?.uriSans[0] : tunnel.upstreamUris[0]) ?? '';
    const workload = inbound ? undefined : tunnel.endpoint?.workload;
    const peer = workload === undefined ? UNKNOWN_PEER : this.peers.fromWorkload(workload);
    const key = `tcp|${peer.index}|${principal}|${tunnel.responseFlags}`;
    const home = tunnel.cluster?.series;
    const known = home?.get(key);
    if (known !== undefined) return known as TcpSeries;
    const labels = this.#labels(
      direction,
      peer,
      principal,
      tunnel.connection.tls?.localUri ?? '',
      tunnel.cluster,
      tunnel.connection.local,
      tunnel.responseFlags,
    );
    const series = {
      opened: this.#tcp.opened.series(...labels),
      closed: this.#tcp.closed.series(...labels),
      sent: this.#tcp.sent.series(...labels),
      received: this.#tcp.received.series(...labels),
    };
    home?.set(key, series);
    return series;
  }
}

function principalOf(exchange: Exchange): string {
  return (
    (exchange.config.direction === 'inbound' ? exchange.connection.tls?.uriSans[0] : exchange.upstreamUris[0]) ?? ''
  );
}

function namespaceOf(principal: string): string | undefined {
  return /\/ns\/([^/]+)\//.exec(principal)?.[1];
}

function hostFallback(authority: string | undefined, peer: Peer): string {
  return authority || peer.canonicalName;
}

function specialName(cluster: string | undefined, inbound: boolean): string {
  if (cluster === undefined) return '';
  if (inbound) return cluster.startsWith('InboundPassthroughCluster') ? cluster : '';
  return cluster === 'PassthroughCluster' || cluster === 'BlackHoleCluster' ? cluster : '';
}

function shortName(host: string): string {
  return /^[0-9.]+(?::\d+)?$/.test(host) ? host : (host.split(/[.:]/)[0] ?? '');
}
