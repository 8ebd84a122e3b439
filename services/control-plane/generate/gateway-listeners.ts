// Listeners of a gateway: one for each port that its Gateways' servers have.
import type { FilterChain, Listener } from '#wire/xds.ts';
import { type Model, virtualServicesFor } from '../model/build.ts';
import { hostCovers } from '../model/hosts.ts';
import {
  type GatewayEntry,
  type GatewayPort,
  gatewayPorts,
  isHttpServer,
  isTerminated,
  routeNameOf,
  serverHosts,
} from './gateway-servers.ts';
import { tcpAuthorization } from './authorization.ts';
import { httpFilter, httpManager } from './http-manager.ts';
import { clusterOf, type RouteContext } from './http-routes.ts';
import type { ProxyNode } from './proxy-node.ts';
import { tcpFilters } from './tcp-filters.ts';
import { credentialDownstream, meshDownstream } from './tls.ts';
import { address, extension } from './values.ts';

const tlsInspector = extension(
  'envoy.filters.listener.tls_inspector',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  {},
);

export function gatewayListeners(model: Model, proxy: ProxyNode): Listener[] {
  return gatewayPorts(model, proxy).flatMap((port) => {
    const chains = port.entries.some(({ server }) => isHttpServer(server) && !isTerminated(server))
      ? [plainHttp(model, proxy, port)]
      : port.entries.flatMap((entry) => chainsOf(model, proxy, port, entry));
    if (chains.length === 0) return [];
    return [
      {
        name: `0.0.0.0_${port.port}`,
        address: address('0.0.0.0', port.port),
        trafficDirection: 'OUTBOUND' as const,
        filterChains: chains,
        ...(chains.some((it) => it.filterChainMatch) ? { listenerFilters: [tlsInspector] } : {}),
      },
    ];
  });
}

const plainHttp = (model: Model, proxy: ProxyNode, { port }: GatewayPort): FilterChain => ({
  filters: [
    httpFilter(
      httpManager(
        { direction: 'gateway', statPrefix: `outbound_0.0.0.0_${port}`, routes: `http.${port}` },
        model,
        proxy,
      ),
    ),
  ],
});

function chainsOf(model: Model, proxy: ProxyNode, port: GatewayPort, entry: GatewayEntry): FilterChain[] {
  const { gateway, server } = entry;
  const names = (server.hosts ?? []).map((it) => it.slice(it.indexOf('/') + 1)).filter((it) => it !== '*');
  if (isTerminated(server)) {
    const mode = server.tls?.mode;
    const alpn = ['h2', 'http/1.1'];
    const context =
      mode === 'ISTIO_MUTUAL'
        ? meshDownstream(alpn, model.mesh.trustDomain)
        : credentialDownstream(server.tls?.credentialName ?? '', mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL', alpn);
    return [
      {
        filterChainMatch: { ...(names.length > 0 ? { serverNames: names } : {}), transportProtocol: 'tls' },
        filters: [
          httpFilter(
            httpManager(
              { direction: 'gateway', statPrefix: `outbound_0.0.0.0_${port.port}`, routes: routeNameOf(port, entry)! },
              model,
              proxy,
            ),
          ),
        ],
        transportSocket: extension(
          'envoy.transport_sockets.tls',
          'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
          context,
        ),
      },
    ];
  }
  const context: RouteContext = {
    model,
    gateway: gateway.key,
    port: server.port?.number ?? port.port,
    namespace: proxy.namespace,
    labels: {},
  };
  const chains: FilterChain[] = [];
  for (const service of virtualServicesFor(model, gateway.key, proxy.namespace)) {
    if (
      !service.hosts.some((host) =>
        serverHosts(gateway, server, service.namespace).some(
          (pattern) => hostCovers(pattern, host) || hostCovers(host, pattern),
        ),
      )
    )
      continue;
    for (const tls of service.spec.tls ?? []) {
      const sni = (tls.match ?? [])
        .filter((it) => it.port === undefined || it.port === context.port)
        .flatMap((it) => it.sniHosts ?? []);
      const targets = (tls.route ?? []).map((it) => ({
        name: clusterOf(context, it.destination!, service.namespace),
        weight: it.weight ?? 100,
      }));
      if (sni.length > 0 && targets.length > 0)
        chains.push({
          filterChainMatch: { serverNames: sni, transportProtocol: 'tls' },
          filters: [...tcpAuthorization(model, proxy), ...tcpFilters(targets, model, proxy)],
        });
    }
    for (const tcp of service.spec.tcp ?? []) {
      const matches = !tcp.match?.length || tcp.match.some((it) => it.port === undefined || it.port === context.port);
      const targets = (tcp.route ?? []).map((it) => ({
        name: clusterOf(context, it.destination!, service.namespace),
        weight: it.weight ?? 100,
      }));
      if (matches && targets.length > 0)
        chains.push({ filters: [...tcpAuthorization(model, proxy), ...tcpFilters(targets, model, proxy)] });
    }
  }
  return chains;
}
