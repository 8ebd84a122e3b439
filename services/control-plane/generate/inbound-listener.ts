// A sidecar's inbound side: one listener on 15006 whose chains tell ports, mutual TLS and HTTP apart.
import type { FilterChain, Listener, RouteConfiguration } from '#wire/xds.ts';
import type { Model } from '../model/build.ts';
import { isHttp, type Protocol } from '../model/protocol.ts';
import { tcpAuthorization } from './authorization.ts';
import { httpFilter, httpManager } from './http-manager.ts';
import { type InboundPort, inboundPorts } from './inbound-ports.ts';
import { mutualTlsMode } from './mutual-tls-mode.ts';
import type { ProxyNode } from './proxy-node.ts';
import { tcpFilters } from './tcp-filters.ts';
import { meshDownstream } from './tls.ts';
import { address, extension, inboundHttpAlpn, inboundTcpAlpn } from './values.ts';

const inboundPort = 15006;
const plainHttp = ['http/1.0', 'http/1.1', 'h2c'];

export function virtualInbound(model: Model, proxy: ProxyNode): Listener {
  const chains = [
    {
      name: 'virtualInbound-blackhole',
      filterChainMatch: { destinationPort: { value: inboundPort } },
      filters: tcpFilters('BlackHoleCluster', model, proxy),
    },
    ...chainsFor(model, proxy, undefined),
    ...inboundPorts(model, proxy).flatMap((port) => chainsFor(model, proxy, port)),
  ];
  return {
    name: 'virtualInbound',
    address: address('0.0.0.0', inboundPort),
    trafficDirection: 'INBOUND',
    filterChains: chains,
    listenerFilters: [
      extension(
        'envoy.filters.listener.original_dst',
        'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
        {},
      ),
      extension(
        'envoy.filters.listener.tls_inspector',
        'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
        {},
      ),
      extension(
        'envoy.filters.listener.http_inspector',
        'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
        {},
      ),
    ],
    listenerFiltersTimeout: { seconds: 0, nanos: 100_000_000 },
    continueOnListenerFiltersTimeout: true,
  };
}

/** Chains of one port, or of all that no service names. */
function chainsFor(model: Model, proxy: ProxyNode, port: InboundPort | undefined): FilterChain[] {
  const protocol: Protocol = port?.protocol ?? 'auto';
  const mode = mutualTlsMode(model, proxy, port?.targetPort);
  const cluster = port ? `inbound|${port.targetPort}||` : 'InboundPassthroughCluster';
  const name = port ? `0.0.0.0_${port.targetPort}` : 'virtualInbound';
  const where = port ? { destinationPort: { value: port.targetPort } } : {};
  const http = () => [
    httpFilter(
      httpManager(
        {
          direction: 'inbound',
          statPrefix: port ? `inbound_0.0.0.0_${port.targetPort}` : 'InboundPassthroughCluster',
          routes: inboundRoutes(cluster, port),
        },
        model,
        proxy,
      ),
    ),
  ];
  const tcp = () => [...tcpAuthorization(model, proxy), ...tcpFilters(cluster, model, proxy)];
  const tls = (alpn: readonly string[]) => ({
    transportSocket: extension(
      'envoy.transport_sockets.tls',
      'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      meshDownstream(alpn, model.mesh.trustDomain),
    ),
  });
  const httpAlpn = ['h2', 'http/1.1'];
  const chains: FilterChain[] = [];
  const declaredHttp = isHttp(protocol);
  const declaredTcp = !declaredHttp && protocol !== 'auto';
  if (mode !== 'DISABLE') {
    if (!declaredTcp) {
      chains.push({
        name: port ? name : `${name}-catchall-http`,
        filterChainMatch: {
          ...where,
          transportProtocol: 'tls',
          applicationProtocols: declaredHttp ? [...inboundHttpAlpn, 'istio-peer-exchange', 'istio'] : inboundHttpAlpn,
        },
        filters: http(),
        ...tls(httpAlpn),
      });
    }
    if (!declaredHttp) {
      chains.push({
        name,
        filterChainMatch: { ...where, transportProtocol: 'tls', applicationProtocols: inboundTcpAlpn },
        filters: tcp(),
        ...tls(inboundTcpAlpn),
      });
    }
    if (mode === 'STRICT') {
      // Every other TLS is refused by the handshake: no certificate of the mesh, no connection.
      chains.push({
        name: `${name}-strict`,
        filterChainMatch: { ...where, transportProtocol: 'tls' },
        filters: declaredHttp ? http() : tcp(),
        ...tls(declaredHttp ? httpAlpn : inboundTcpAlpn),
      });
      return chains;
    }
  }
  if (declaredHttp)
    chains.push({ name, filterChainMatch: { ...where, transportProtocol: 'raw_buffer' }, filters: http() });
  else if (!declaredTcp)
    chains.push({
      name: port ? name : `${name}-catchall-http`,
      filterChainMatch: { ...where, transportProtocol: 'raw_buffer', applicationProtocols: plainHttp },
      filters: http(),
    });
  if (!declaredHttp)
    chains.push({ name, filterChainMatch: { ...where, transportProtocol: 'raw_buffer' }, filters: tcp() });
  // TLS of the app itself passes through.
  chains.push({ name, filterChainMatch: { ...where, transportProtocol: 'tls' }, filters: tcp() });
  return chains;
}

function inboundRoutes(cluster: string, port: InboundPort | undefined): RouteConfiguration {
  return {
    name: cluster,
    virtualHosts: [
      {
        name: port ? `inbound|http|${port.servicePort}` : 'inbound|http|0',
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { prefix: '/' },
            route: {
              cluster,
              timeout: { seconds: 0 },
              maxStreamDuration: { maxStreamDuration: { seconds: 0 }, grpcTimeoutHeaderMax: { seconds: 0 } },
            },
          },
        ],
      },
    ],
    validateClusters: { value: false },
  };
}
