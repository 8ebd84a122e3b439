// Services with their ports' protocols and addresses, and their endpoints joined with the pods behind them.
import { type Protocol, protocolOf } from './protocol.ts';
import type { EndpointSliceResource, PodResource, Resource, Resources, ServiceSpec } from './resources.ts';

export interface ModelPort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number | string;
  readonly protocol: Protocol;
}

export interface ModelService {
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** 'None' where headless, '' where it has no address. */
  readonly clusterIP: string;
  readonly externalName: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ModelPort[];
  /** Namespaces it is visible in: `*`, `.` or names. */
  readonly exportTo: readonly string[];
}

export interface ModelEndpoint {
  readonly address: string;
  readonly port: number;
  /** Name of the service port; '' where it has none. */
  readonly portName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly workload: string;
  /** Whether its proxy takes mutual TLS. */
  readonly tls: boolean;
  readonly healthy: boolean;
  readonly zone: string;
}

export interface ModelPod {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly workload: string;
  readonly hasProxy: boolean;
  readonly containerPorts: ReadonlyMap<string, number>;
}

const ingressAnnotation = 'networking.istio.io/exportTo';

export function toService({ metadata, spec }: Resource<ServiceSpec>, domainSuffix: string): ModelService {
  const namespace = metadata.namespace ?? 'default';
  const external = spec.type === 'ExternalName';
  return {
    hostname: `${metadata.name}.${namespace}.svc.${domainSuffix}`,
    name: metadata.name,
    namespace,
    labels: metadata.labels ?? {},
    clusterIP: external ? '' : (spec.clusterIP ?? ''),
    externalName: external ? (spec.externalName ?? '') : '',
    selector: spec.selector ?? {},
    ports: (spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      port: port.port,
      targetPort: port.targetPort ?? port.port,
      protocol: protocolOf(port),
    })),
    exportTo: (metadata.annotations?.[ingressAnnotation] ?? '*').split(',').map((it) => it.trim()),
  };
}

/** The workload a pod belongs to: the Deployment of its ReplicaSet, by the name they share. */
export function workloadOf(pod: PodResource): string {
  const labels = pod.metadata.labels ?? {};
  const canonical = labels['service.istio.io/workload-name'];
  if (canonical) return canonical;
  const hash = labels['pod-template-hash'];
  const marker = hash === undefined ? -1 : pod.metadata.name.indexOf(`-${hash}-`);
  return marker > 0 ? pod.metadata.name.slice(0, marker) : pod.metadata.name;
}

export function toPod(pod: PodResource): ModelPod {
  const ports = new Map<string, number>();
  for (const container of pod.spec.containers ?? [])
    for (const port of container.ports ?? []) if (port.name) ports.set(port.name, port.containerPort);
  return {
    name: pod.metadata.name,
    namespace: pod.metadata.namespace ?? 'default',
    ip: pod.status?.podIP ?? '',
    labels: pod.metadata.labels ?? {},
    serviceAccount: pod.spec.serviceAccountName ?? 'default',
    workload: workloadOf(pod),
    // The injector writes this label; gateways carry it as well.
    hasProxy: (pod.metadata.labels?.['security.istio.io/tlsMode'] ?? '') === 'istio',
    containerPorts: ports,
  };
}

/** Endpoints of every service, by hostname. */
export function toEndpoints(
  resources: Resources,
  services: ReadonlyMap<string, ModelService>,
  pods: ReadonlyMap<string, ModelPod>,
): ReadonlyMap<string, readonly ModelEndpoint[]> {
  const found = new Map<string, Map<string, ModelEndpoint>>();
  for (const slice of resources.endpointSlices) {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'];
    const hostname = `${service}.${slice.metadata.namespace}.svc.${resources.mesh.domainSuffix}`;
    if (service === undefined || !services.has(hostname) || (slice.addressType ?? 'IPv4') !== 'IPv4') continue;
    const endpoints = found.get(hostname) ?? new Map<string, ModelEndpoint>();
    found.set(hostname, endpoints);
    addSlice(slice, pods, endpoints);
  }
  const sorted = [...found].map(
    ([hostname, endpoints]) =>
      [hostname, [...endpoints].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, it]) => it)] as const,
  );
  return new Map(sorted);
}

function addSlice(
  slice: EndpointSliceResource,
  pods: ReadonlyMap<string, ModelPod>,
  into: Map<string, ModelEndpoint>,
): void {
  for (const endpoint of slice.endpoints ?? []) {
    const ready = endpoint.conditions?.ready ?? true;
    // One that ends is still there for those who have nothing else, but new requests do not go to it.
    if (!ready) continue;
    const target = endpoint.targetRef;
    const pod =
      target?.kind === 'Pod' ? pods.get(`${target.namespace ?? slice.metadata.namespace}/${target.name}`) : undefined;
    for (const address of endpoint.addresses) {
      for (const port of slice.ports ?? []) {
        if (port.port === undefined || (port.protocol ?? 'TCP') !== 'TCP') continue;
        into.set(`${address}:${port.port}:${port.name ?? ''}`, {
          address,
          port: port.port,
          portName: port.name ?? '',
          labels: pod?.labels ?? {},
          pod: pod?.name ?? '',
          namespace: pod?.namespace ?? slice.metadata.namespace ?? 'default',
          serviceAccount: pod?.serviceAccount ?? '',
          workload: pod?.workload ?? '',
          tls: pod?.hasProxy ?? false,
          healthy: true,
          zone: endpoint.zone ?? '',
        });
      }
    }
  }
}
