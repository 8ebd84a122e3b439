// (model, proxy) -> everything that the proxy is told. The list of resource types is this file.
import type { MessageName } from '#wire/xds.ts';
import type { Model } from '../model/build.ts';
import { generateClusters } from './clusters.ts';
import { generateEndpoints } from './endpoints.ts';
import { gatewayListeners } from './gateway-listeners.ts';
import { virtualInbound } from './inbound-listener.ts';
import { outboundListeners } from './outbound-listeners.ts';
import type { ProxyNode } from './proxy-node.ts';
import { generateRoutes } from './routes.ts';
import { generateSecrets } from './secrets.ts';
import type { Generated } from './values.ts';

export { type ProxyNode, toProxyNode } from './proxy-node.ts';
export type { Generated } from './values.ts';

const listenerType = 'envoy.config.listener.v3.Listener';

export interface ProxyConfiguration {
  readonly clusters: readonly Generated<'envoy.config.cluster.v3.Cluster'>[];
  readonly endpoints: readonly Generated<'envoy.config.endpoint.v3.ClusterLoadAssignment'>[];
  readonly listeners: readonly Generated<typeof listenerType>[];
  readonly routes: readonly Generated<'envoy.config.route.v3.RouteConfiguration'>[];
  readonly secrets: readonly Generated<'envoy.extensions.transport_sockets.tls.v3.Secret'>[];
}

export function generateListeners(model: Model, proxy: ProxyNode): Generated<typeof listenerType>[] {
  const messages =
    proxy.kind === 'router'
      ? gatewayListeners(model, proxy)
      : [...outboundListeners(model, proxy), virtualInbound(model, proxy)];
  return messages.map((message) => ({ name: message.name ?? '', type: listenerType, message }));
}

export function generate(model: Model, proxy: ProxyNode): ProxyConfiguration {
  return {
    clusters: generateClusters(model, proxy),
    endpoints: generateEndpoints(model, proxy),
    listeners: generateListeners(model, proxy),
    routes: generateRoutes(model, proxy),
    secrets: generateSecrets(model, proxy),
  };
}

/** All of it as one list, in the order in which it is sent. */
export const allResources = (configuration: ProxyConfiguration): readonly Generated<MessageName>[] => [
  ...configuration.clusters,
  ...configuration.endpoints,
  ...configuration.listeners,
  ...configuration.routes,
  ...configuration.secrets,
];
