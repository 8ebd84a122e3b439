// A sidecar's outbound side: the listener that redirected connections arrive at, and one for each port or address behind it.
import type { FilterChain, Listener } from '#wire/xds.ts';
import { type Model, virtualServicesFor } from '../model/build.ts';
import { hostCovers } from '../model/hosts.ts';
import { isHttp } from '../model/protocol.ts';
import type { ModelPort, ModelService } from '../model/services.ts';
import { httpFilter, httpManager } from './http-manager.ts';
import { clusterOf, type RouteContext } from './http-routes.ts';
import type { ProxyNode } from './proxy-node.ts';
import { type TcpTarget, tcpFilters } from './tcp-filters.ts';
import { address, clusterName, extension } from './values.ts';
import { visibleServices } from './visible-services.ts';

const outboundPort = 15001;
const inspectors = {
  tls: extension(
    'envoy.filters.listener.tls_inspector',
    'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
    {},
  ),
  http: extension(
    'envoy.filters.listener.http_inspector',
    'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
    {},
  ),
};

export function outboundListeners(model: Model, proxy: ProxyNode): Listener[] {
  const listeners = new Map<string, Listener>();
  for (const service of visibleServices(model, proxy)) {
    for (const port of service.ports) {
      if (port.protocol === 'udp' || port.port === outboundPort) continue;
      for (const listener of listenersOf(model, proxy, service, port)) {
        // One listener a name: HTTP of a port is shared by all of its services; of two TCP ones the first by name has it.
        if (!listeners.has(listener.name ?? '')) listeners.set(listener.name ?? '', listener);
      }
    }
  }
  return [
    ...[...listeners.values()].sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1)),
    virtualOutbound(model, proxy),
  ];
}

function listenersOf(model: Model, proxy: ProxyNode, service: ModelService, port: ModelPort): Listener[] {
  const http = isHttp(port.protocol);
  if (http || (port.protocol === 'auto' && (service.clusterIP === 'None' || service.clusterIP === ''))) {
    return [httpListener(model, proxy, '0.0.0.0', port, http)];
  }
  if (port.protocol === 'auto') return [httpListener(model, proxy, service.clusterIP, port, false, service)];
  const target = tcpTarget(model, proxy, service, port);
  // A headless service is reached by the addresses of its pods, a service without address by any.
  const addresses =
    service.clusterIP === 'None'
      ? (model.endpoints.get(service.hostname) ?? []).filter((it) => it.portName === port.name).map((it) => it.address)
      : [service.clusterIP === '' ? '0.0.0.0' : service.clusterIP];
  return addresses.map((host) => listener(host, port.port, [{ filters: tcpFilters(target, model, proxy) }], []));
}

const listener = (
  host: string,
  port: number,
  filterChains: readonly FilterChain[],
  listenerFilters: Listener['listenerFilters'],
  rest: Partial<Listener> = {},
): Listener => ({
  name: `${host}_${port}`,
  address: address(host, port),
  filterChains,
  ...(listenerFilters?.length ? { listenerFilters } : {}),
  trafficDirection: 'OUTBOUND',
  bindToPort: { value: false },
  ...rest,
});

function httpListener(
  model: Model,
  proxy: ProxyNode,
  host: string,
  port: ModelPort,
  declared: boolean,
  service?: ModelService,
): Listener {
  const manager = httpFilter(
    httpManager(
      { direction: 'outbound', statPrefix: `outbound_${host}_${port.port}`, routes: String(port.port) },
      model,
      proxy,
    ),
  );
  if (declared) {
    return listener(host, port.port, [{ filters: [manager] }], []);
  }
  const tcp = service ? tcpTarget(model, proxy, service, port) : 'PassthroughCluster';
  return listener(
    host,
    port.port,
    [
      {
        filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'] },
        filters: [manager],
      },
    ],
    [inspectors.tls, inspectors.http],
    {
      defaultFilterChain: { filters: tcpFilters(tcp, model, proxy) },
      continueOnListenerFiltersTimeout: true,
      listenerFiltersTimeout: { seconds: 0, nanos: 100_000_000 },
    },
  );
}

/** What the tcp rules of a VirtualService say for a port, else the service's own cluster. */
function tcpTarget(model: Model, proxy: ProxyNode, service: ModelService, port: ModelPort): TcpTarget {
  const context: RouteContext = {
    model,
    gateway: 'mesh',
    port: port.port,
    namespace: proxy.namespace,
    labels: proxy.labels,
  };
  for (const rule of virtualServicesFor(model, 'mesh', proxy.namespace)) {
    if (!rule.hosts.some((host) => hostCovers(host, service.hostname))) continue;
    for (const tcp of rule.spec.tcp ?? []) {
      const matches =
        !tcp.match?.length ||
        tcp.match.some(
          (it) =>
            (it.port === undefined || it.port === port.port) &&
            Object.entries(it.sourceLabels ?? {}).every(([key, value]) => proxy.labels[key] === value),
        );
      const targets = (tcp.route ?? []).filter((it) => tcp.route!.length === 1 || (it.weight ?? 0) > 0);
      if (!matches || targets.length === 0) continue;
      return targets.map((it) => ({
        name: clusterOf(context, it.destination!, rule.namespace),
        weight: it.weight ?? 100,
      }));
    }
  }
  return clusterName('outbound', port.port, '', service.hostname);
}

function virtualOutbound(model: Model, proxy: ProxyNode): Listener {
  const fallback = model.mesh.outboundTrafficPolicy === 'REGISTRY_ONLY' ? 'BlackHoleCluster' : 'PassthroughCluster';
  return {
    name: 'virtualOutbound',
    address: address('0.0.0.0', outboundPort),
    useOriginalDst: { value: true },
    trafficDirection: 'OUTBOUND',
    filterChains: [
      // A connection to the port itself would come back to it for ever.
      {
        name: 'virtualOutbound-blackhole',
        filterChainMatch: { destinationPort: { value: outboundPort } },
        filters: tcpFilters('BlackHoleCluster', model, proxy),
      },
      { name: 'virtualOutbound-catchall-tcp', filters: tcpFilters(fallback, model, proxy) },
    ],
  };
}
