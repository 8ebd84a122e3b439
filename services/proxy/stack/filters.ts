// Which layer each named filter is. Filters that only concern Envoy's own statistics or are done elsewhere have none.
import type { FilterFactory } from '../config/listener-config.ts';
import type { RouteStore } from '../config/route-table.ts';
import type { SecretStore } from '../config/secrets.ts';
import type { IstioMetrics } from '../telemetry/istio-metrics.ts';
import { CORS_FILTER, corsLayer } from './layers/cors.ts';
import { FAULT_FILTER, faultLayer } from './layers/fault.ts';
import { istioStats, istioTcpStats } from './layers/istio-stats.ts';
import { HTTP_RBAC_FILTER, httpRbacLayer, NETWORK_RBAC_FILTER, tcpRbacLayer } from './layers/rbac.ts';
import { inboundPeerMetadata, outboundPeerMetadata } from './layers/peer-metadata.ts';

/** Done by the codec, the router or the TLS client, or without effect on traffic. */
const NO_LAYER = new Set([
  'envoy.filters.http.router',
  'istio.alpn',
  'envoy.filters.http.grpc_stats',
  'envoy.filters.http.grpc_web',
  'envoy.filters.http.set_filter_state',
  'istio.metadata_exchange',
  'envoy.filters.network.set_filter_state',
  'envoy.filters.network.metadata_exchange',
]);

export function createFilterFactory(metrics: IstioMetrics, routes: RouteStore, secrets: SecretStore): FilterFactory {
  return {
    secrets,
    routeSource: (name) => routes.source(name),
    http(name, filter, direction) {
      switch (name) {
        case 'istio.metadata_exchange':
        case 'envoy.filters.http.peer_metadata':
          return direction === 'inbound' ? inboundPeerMetadata(metrics) : outboundPeerMetadata(metrics);
        case 'istio.stats':
          return istioStats(metrics);
        case FAULT_FILTER:
          return faultLayer();
        case CORS_FILTER:
          return corsLayer();
        case HTTP_RBAC_FILTER:
          return httpRbacLayer(filter);
        default:
          if (NO_LAYER.has(name) || filter['isOptional'] === true) return undefined;
          throw new Error(`HTTP filter ${name} is not supported`);
      }
    },
    tcp(name, filter) {
      if (name === 'istio.stats') return istioTcpStats(metrics);
      if (name === NETWORK_RBAC_FILTER) return tcpRbacLayer(filter);
      if (NO_LAYER.has(name)) return undefined;
      throw new Error(`network filter ${name} is not supported`);
    },
  };
}
