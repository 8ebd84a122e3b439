// Small xDS resources as a control plane would send them, in decoded form with `@type`, for proxies under test.

export type Resource = Record<string, unknown>;

const HTTP = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const TCP = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

export function staticCluster(name: string, ports: readonly number[], more: Resource = {}): Resource {
  return {
    name,
    type: 'STATIC',
    connectTimeout: { seconds: 5 },
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: ports.map((port) => endpoint('127.0.0.1', port)) }],
    },
    ...more,
  };
}

export function endpoint(address: string, port: number, more: Resource = {}): Resource {
  return { endpoint: { address: { socketAddress: { address, portValue: port } } }, ...more };
}

export function httpFilterChain(manager: Resource, more: Resource = {}): Resource {
  return {
    filters: [
      {
        name: 'envoy.filters.network.http_connection_manager',
        typedConfig: {
          '@type': HTTP,
          statPrefix: 'test',
          httpFilters: [
            {
              name: 'envoy.filters.http.router',
              typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
            },
          ],
          upgradeConfigs: [{ upgradeType: 'websocket' }],
          ...manager,
        },
      },
    ],
    ...more,
  };
}

export function tcpFilterChain(config: Resource, more: Resource = {}): Resource {
  return {
    filters: [
      { name: 'envoy.filters.network.tcp_proxy', typedConfig: { '@type': TCP, statPrefix: 'test', ...config } },
    ],
    ...more,
  };
}

export function listener(name: string, filterChains: readonly Resource[], more: Resource = {}): Resource {
  return { name, address: { socketAddress: { address: '127.0.0.1', portValue: 0 } }, filterChains, ...more };
}

export function routes(virtualHosts: readonly Resource[]): Resource {
  return { name: 'routes', virtualHosts };
}

/** One virtual host for everything. */
export function anyHost(list: readonly Resource[]): Resource {
  return routes([{ name: 'all', domains: ['*'], routes: list }]);
}

export function toCluster(cluster: string, more: Resource = {}): Resource {
  return { match: { prefix: '/' }, route: { cluster, timeout: { seconds: 0 }, ...more } };
}
