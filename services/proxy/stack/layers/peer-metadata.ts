// Exchange of workload metadata between proxies in two headers, for the labels of metrics.
import { needleOf } from '#lib/http/head.ts';
import type { IstioMetrics } from '../../telemetry/istio-metrics.ts';
import type { Layer } from '../layer.ts';

const ID = needleOf('x-envoy-peer-metadata-id');
const METADATA = needleOf('x-envoy-peer-metadata');
const LINES = '\r\nx-envoy-peer-metadata';

/** Inbound: reads and strips, answers if asked. */
export function inboundPeerMetadata(metrics: IstioMetrics): Layer {
  return {
    name: 'envoy.filters.http.peer_metadata',
    onRequest(exchange) {
      const { head } = exchange;
      if (!head.lower.includes(LINES)) return undefined;
      const encoded = head.find(METADATA);
      if (encoded !== undefined) {
        exchange.peer = metrics.peers.fromHeader(encoded);
        exchange.peerAsked = true;
        head.cut(METADATA);
      }
      if (head.find(ID) !== undefined) head.cut(ID);
      return undefined;
    },
    onResponse(exchange) {
      const head = exchange.responseHead;
      if (head === undefined) return;
      if (head.lower.includes(LINES)) {
        head.cut(METADATA);
        head.cut(ID);
      }
      if (!exchange.peerAsked) return;
      head.append('x-envoy-peer-metadata', metrics.localHeader);
      head.append('x-envoy-peer-metadata-id', metrics.nodeId);
    },
  };
}

/** Outbound: tells the upstream who we are, learns from the answer who it is. */
export function outboundPeerMetadata(metrics: IstioMetrics): Layer {
  return {
    name: 'envoy.filters.http.peer_metadata',
    onRequest(exchange) {
      const { head, cluster } = exchange;
      if (head.lower.includes(LINES)) {
        head.cut(METADATA);
        head.cut(ID);
      }
      const istio = cluster?.config.metadata['istio'];
      if (istio?.['disable_mx'] === true || cluster?.name === 'PassthroughCluster') return undefined;
      head.append('x-envoy-peer-metadata', metrics.localHeader);
      head.append('x-envoy-peer-metadata-id', metrics.nodeId);
      return undefined;
    },
    onResponse(exchange) {
      const head = exchange.responseHead;
      if (head === undefined || !head.lower.includes(LINES)) return;
      const encoded = head.find(METADATA);
      if (encoded !== undefined) exchange.peer = metrics.peers.fromHeader(encoded);
      head.cut(METADATA);
      head.cut(ID);
    },
  };
}
