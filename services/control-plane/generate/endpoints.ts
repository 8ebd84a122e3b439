// Endpoints of every outbound cluster, with the metadata that chooses mutual TLS and names the workload.
import type { Subset } from '#api/destination-rule.ts';
import { destinationRuleFor, type Model } from '../model/build.ts';
import type { ModelEndpoint, ModelPort } from '../model/services.ts';
import type { ProxyNode } from './proxy-node.ts';
import { sharedBy } from './shared.ts';
import { visibleServices } from './visible-services.ts';
import { address, clusterName, type Generated } from './values.ts';

const type = 'envoy.config.endpoint.v3.ClusterLoadAssignment';

/** Endpoints of a service port that a subset's labels choose. */
export function endpointsOf(
  model: Model,
  hostname: string,
  port: ModelPort,
  subset: Subset | undefined,
): ModelEndpoint[] {
  const labels = Object.entries(subset?.labels ?? {});
  return (model.endpoints.get(hostname) ?? []).filter(
    (it) => it.portName === port.name && labels.every(([key, value]) => it.labels[key] === value),
  );
}

/** All proxies of a namespace have the same. */
export const generateEndpoints = sharedBy<ProxyNode, Generated<typeof type>[]>(
  (proxy) => proxy.namespace,
  (model, proxy) => {
    return visibleServices(model, proxy)
      .filter((service) => service.externalName === '')
      .flatMap((service) => {
        const rule = destinationRuleFor(model, service.hostname, proxy.namespace, service.namespace)?.spec;
        return service.ports
          .filter((port) => port.protocol !== 'udp')
          .flatMap((port) =>
            [undefined, ...(rule?.subsets ?? [])].map((subset) =>
              assignment(
                clusterName('outbound', port.port, subset?.name ?? '', service.hostname),
                endpointsOf(model, service.hostname, port, subset),
              ),
            ),
          );
      });
  },
);

function assignment(name: string, endpoints: readonly ModelEndpoint[]): Generated<typeof type> {
  const zones = new Map<string, ModelEndpoint[]>();
  for (const endpoint of endpoints) zones.set(endpoint.zone, [...(zones.get(endpoint.zone) ?? []), endpoint]);
  return {
    name,
    type,
    message: {
      clusterName: name,
      endpoints: [...zones]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([zone, members]) => ({
          ...(zone === '' ? {} : { locality: { zone } }),
          loadBalancingWeight: { value: members.length },
          lbEndpoints: members.map((it) => ({
            endpoint: { address: address(it.address, it.port) },
            healthStatus: 'HEALTHY' as const,
            loadBalancingWeight: { value: 1 },
            metadata: {
              filterMetadata: {
                ...(it.tls
                  ? { 'envoy.transport_socket_match': { fields: { tlsMode: { stringValue: 'istio' } } } }
                  : {}),
                istio: {
                  fields: {
                    workload: {
                      stringValue: `${it.workload};${it.namespace};${it.labels['service.istio.io/canonical-name'] ?? it.labels['app'] ?? it.workload};${it.labels['service.istio.io/canonical-revision'] ?? it.labels['version'] ?? 'latest'};Kubernetes`,
                    },
                  },
                },
              },
            },
          })),
        })),
    },
  };
}
