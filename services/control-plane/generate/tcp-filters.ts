// Filters of connections that are not routed request by request.
import { packAny, type ListenerFilterConfig } from '#wire/xds.ts';
import type { Model } from '../model/build.ts';
import { accessLogs } from './http-manager.ts';
import type { ProxyNode } from './proxy-node.ts';

const stats = {
  name: 'istio.stats',
  typedConfig: { typeUrl: 'type.googleapis.com/stats.PluginConfig', value: new Uint8Array() },
};

/** Where connections go: one cluster, or several by weight. */
export type TcpTarget = string | readonly { readonly name: string; readonly weight: number }[];

export function tcpFilters(target: TcpTarget, model: Model, proxy: ProxyNode): ListenerFilterConfig[] {
  const cluster = typeof target === 'string' ? target : target.length === 1 ? target[0]!.name : undefined;
  const config = {
    statPrefix: cluster ?? 'weighted',
    ...(cluster !== undefined
      ? { cluster }
      : { weightedClusters: { clusters: target as readonly { name: string; weight: number }[] } }),
    accessLog: accessLogs(model),
  };
  return [
    ...(proxy.flavour === 'istio' ? [stats] : []),
    {
      name: 'envoy.filters.network.tcp_proxy',
      typedConfig: packAny('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', config),
    },
  ];
}
