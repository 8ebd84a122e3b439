// Outbound clusters, one for each service port and subset that a proxy sees, and a sidecar's inbound ones.
import type { Subset } from '#api/destination-rule.ts';
import { packAny, type Cluster } from '#wire/xds.ts';
import { destinationRuleFor, type Model } from '../model/build.ts';
import { isHttp, isHttp2 } from '../model/protocol.ts';
import type { ModelPort, ModelService } from '../model/services.ts';
import { endpointsOf } from './endpoints.ts';
import type { ProxyNode } from './proxy-node.ts';
import { inboundPorts } from './inbound-ports.ts';
import { sharedBy } from './shared.ts';
import { visibleServices } from './visible-services.ts';
import { meshUpstream, ruleUpstream } from './tls.ts';
import { effectivePolicy, policyFields } from './traffic-policy.ts';
import { ALPN, address, clusterName, dnsSrvName, durationMs, extension, type Generated, uint } from './values.ts';

const type = 'envoy.config.cluster.v3.Cluster';
const tlsSocket = 'envoy.transport_sockets.tls';
const rawSocket = {
  name: 'envoy.transport_sockets.raw_buffer',
  typedConfig: packAny('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
};
const generated = (message: Cluster & { readonly name: string }): Generated<typeof type> => ({
  name: message.name,
  type,
  message,
});

/** Clusters of the services: all proxies of a namespace have the same. */
const outboundOf = sharedBy<ProxyNode, Generated<typeof type>[]>(
  (proxy) => proxy.namespace,
  (model, proxy) =>
    visibleServices(model, proxy).flatMap((service) =>
      service.ports
        .filter((port) => port.protocol !== 'udp')
        .flatMap((port) => outboundClusters(model, proxy, service, port)),
    ),
);

export function generateClusters(model: Model, proxy: ProxyNode): Generated<typeof type>[] {
  const outbound = outboundOf(model, proxy);
  const fixed = [blackHole(), passthrough('PassthroughCluster', model)];
  if (proxy.kind === 'router') return [...outbound, ...fixed];
  return [
    ...outbound,
    ...fixed,
    inboundPassthrough(model),
    ...inboundPorts(model, proxy).map((it) => inboundCluster(it.targetPort, model)),
  ];
}

function outboundClusters(
  model: Model,
  proxy: ProxyNode,
  service: ModelService,
  port: ModelPort,
): Generated<typeof type>[] {
  const rule = destinationRuleFor(model, service.hostname, proxy.namespace, service.namespace)?.spec;
  const one = (subset: Subset | undefined) =>
    generated(
      outboundCluster(
        model,
        service,
        port,
        subset,
        effectivePolicy(rule?.trafficPolicy, subset?.trafficPolicy, port.port),
      ),
    );
  return [one(undefined), ...(rule?.subsets ?? []).map(one)];
}

function outboundCluster(
  model: Model,
  service: ModelService,
  port: ModelPort,
  subset: Subset | undefined,
  policy: ReturnType<typeof effectivePolicy>,
): Cluster & { name: string } {
  const subsetName = subset?.name ?? '';
  const name = clusterName('outbound', port.port, subsetName, service.hostname);
  const fields = policyFields(policy, model.mesh.connectTimeoutSeconds);
  const external = service.externalName !== '';
  const original = !external && (service.clusterIP === 'None' ? !isHttp(port.protocol) : false);
  const discovery = external ? 'STRICT_DNS' : original || fields.type === 'ORIGINAL_DST' ? 'ORIGINAL_DST' : 'EDS';
  return {
    ...fields,
    type: discovery,
    ...(discovery === 'EDS'
      ? {
          edsClusterConfig: {
            edsConfig: { ads: {}, initialFetchTimeout: { seconds: 0 }, resourceApiVersion: 'V3' },
            serviceName: name,
          },
        }
      : {}),
    ...(discovery === 'ORIGINAL_DST' ? { lbPolicy: 'CLUSTER_PROVIDED' } : {}),
    ...(external
      ? {
          dnsLookupFamily: 'V4_ONLY',
          loadAssignment: {
            clusterName: name,
            endpoints: [{ lbEndpoints: [{ endpoint: { address: address(service.externalName, port.port) } }] }],
          },
        }
      : {}),
    ...httpOptions(port, policy.connectionPool?.http?.maxRequestsPerConnection),
    ...transport(model, service, port, subset, policy, discovery),
    name,
    metadata: {
      filterMetadata: {
        istio: {
          fields: {
            services: {
              listValue: {
                values: [
                  {
                    structValue: {
                      fields: {
                        name: { stringValue: service.name },
                        namespace: { stringValue: service.namespace },
                        host: { stringValue: service.hostname },
                      },
                    },
                  },
                ],
              },
            },
            ...(subset ? { subset: { stringValue: subsetName } } : {}),
          },
        },
      },
    },
  };
}

function httpOptions(port: ModelPort, maxRequests: number | undefined): Partial<Cluster> {
  if (!isHttp(port.protocol) && port.protocol !== 'auto') return {};
  const common = maxRequests ? { commonHttpProtocolOptions: { maxRequestsPerConnection: uint(maxRequests) } } : {};
  const protocol = isHttp2(port.protocol)
    ? { explicitHttpConfig: { http2ProtocolOptions: {} } }
    : port.protocol === 'auto'
      ? { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: {} } }
      : { explicitHttpConfig: { httpProtocolOptions: {} } };
  return {
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': packAny(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        { ...common, ...protocol },
      ),
    },
  };
}

/** Mutual TLS where the endpoint has a proxy, plaintext where it has none; what a rule says comes first. */
function transport(
  model: Model,
  service: ModelService,
  port: ModelPort,
  subset: Subset | undefined,
  policy: ReturnType<typeof effectivePolicy>,
  discovery: string,
): Partial<Cluster> {
  const tls = policy.tls;
  if (tls?.mode === 'DISABLE' || port.protocol === 'https' || port.protocol === 'tls') return {};
  const sni = dnsSrvName(port.port, subset?.name ?? '', service.hostname);
  const own = tls ? ruleUpstream(tls, service.hostname) : undefined;
  if (own)
    return {
      transportSocket: extension(tlsSocket, 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', own),
    };
  const alpn = isHttp2(port.protocol) ? ALPN.http2 : isHttp(port.protocol) ? ALPN.http1 : ALPN.tcp;
  const identities = [
    ...new Set(
      endpointsOf(model, service.hostname, port, subset)
        .filter((it) => it.serviceAccount !== '')
        .map((it) => `spiffe://${model.mesh.trustDomain}/ns/${it.namespace}/sa/${it.serviceAccount}`),
    ),
  ].sort();
  const mutual = extension(
    tlsSocket,
    'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    meshUpstream(tls?.sni ?? sni, alpn, tls?.subjectAltNames?.length ? tls.subjectAltNames : identities),
  );
  if (tls?.mode === 'ISTIO_MUTUAL') return { transportSocket: mutual };
  if (!model.mesh.enableAutoMtls || discovery !== 'EDS') return {};
  return {
    transportSocketMatches: [
      { name: 'tlsMode-istio', match: { fields: { tlsMode: { stringValue: 'istio' } } }, transportSocket: mutual },
      { name: 'tlsMode-disabled', match: {}, transportSocket: rawSocket },
    ],
  };
}

const blackHole = () => generated({ name: 'BlackHoleCluster', type: 'STATIC', connectTimeout: durationMs(10_000) });

const passthrough = (name: string, model: Model) =>
  generated({
    name,
    type: 'ORIGINAL_DST',
    lbPolicy: 'CLUSTER_PROVIDED',
    connectTimeout: durationMs(model.mesh.connectTimeoutSeconds * 1000),
  });

const inboundPassthrough = (model: Model) =>
  generated({
    ...passthrough('InboundPassthroughCluster', model).message,
    name: 'InboundPassthroughCluster',
    upstreamBindConfig: { sourceAddress: { address: '127.0.0.6', portValue: 0 } },
  });

const inboundCluster = (port: number, model: Model) =>
  generated({
    ...passthrough('', model).message,
    name: `inbound|${port}||`,
    upstreamBindConfig: { sourceAddress: { address: '127.0.0.6', portValue: 0 } },
  });
