// The bootstrap configuration of a stock Envoy: its node, ADS and SDS over the agent's sockets, metrics on 15090.
import type { AgentNode } from '../environment/node.ts';

/** What differs from pod to pod. */
export interface BootstrapOptions {
  readonly node: AgentNode;
  /** Loopback port of Envoy's admin; 0 lets the kernel choose. */
  readonly adminPort: number;
  /** Where /stats/prometheus is served to scrapers; undefined leaves the listener out. */
  readonly metricsPort: number | undefined;
  readonly discoverySocket: string;
  readonly secretSocket: string;
}

/** Envoy's JSON. */
export function envoyBootstrap(options: BootstrapOptions): object {
  const { node } = options;
  const ads = { resource_api_version: 'V3', ads: {} };
  return {
    node: {
      id: node.id,
      cluster: node.cluster,
      metadata: node.metadata,
      locality: { region: node.locality?.region, zone: node.locality?.zone, sub_zone: node.locality?.subZone },
    },
    admin: { address: tcp('127.0.0.1', options.adminPort) },
    dynamic_resources: {
      lds_config: ads,
      cds_config: ads,
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
      },
    },
    static_resources: {
      clusters: [
        http2Cluster('xds-grpc', { pipe: { path: options.discoverySocket } }),
        http2Cluster('sds-grpc', { pipe: { path: options.secretSocket } }),
        ...(options.metricsPort === undefined
          ? []
          : [cluster('prometheus_stats', tcp('127.0.0.1', options.adminPort))]),
      ],
      listeners: options.metricsPort === undefined ? [] : [metricsListener(options.metricsPort)],
    },
  };
}

const tcp = (address: string, port: number): object => ({ socket_address: { address, port_value: port } });

function cluster(name: string, address: object): Record<string, unknown> {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}

function http2Cluster(name: string, address: object): object {
  return {
    ...cluster(name, address),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

function metricsListener(port: number): object {
  return {
    name: 'prometheus_stats',
    address: tcp('0.0.0.0', port),
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'stats',
              route_config: {
                virtual_hosts: [
                  {
                    name: 'backend',
                    domains: ['*'],
                    routes: [{ match: { prefix: '/stats/prometheus' }, route: { cluster: 'prometheus_stats' } }],
                  },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}
