// A Service and its pods -> EndpointSlices and Endpoints, pure and in stable order. Named target ports may differ
// between pods, so pods are grouped by the port numbers that they resolve to.
import { controllerReference } from '#lib/kube/object.ts';
import type {
  Endpoint,
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSlice,
  Node,
  Pod,
  Service,
} from './objects.ts';
import { isPodReady, isPodTerminal } from './pod-state.ts';
import { canonicalJson, templateHash } from './template-hash.ts';

export const LABEL = {
  service: 'kubernetes.io/service-name',
  managedBy: 'endpointslice.kubernetes.io/managed-by',
  us: 'endpointslice-controller.k8s.io',
  headless: 'service.kubernetes.io/headless',
  endpointsManagedBy: 'endpoints.kubernetes.io/managed-by',
} as const;

/** Endpoints of one slice at most, as upstream. */
const MAX_ENDPOINTS = 100;
/** Addresses of one Endpoints object at most. */
const MAX_ADDRESSES = 1000;

export interface SliceInput {
  readonly service: Service;
  /** Pods that the selector matches. */
  readonly pods: readonly Pod[];
  readonly nodeOf: (name: string) => Node | undefined;
}

export function toSlices({ service, pods, nodeOf }: SliceInput): EndpointSlice[] {
  const groups = groupByPorts(service, pods);
  if (groups.size === 0) groups.set('none', { ports: [], pods: [] });
  const slices: EndpointSlice[] = [];
  for (const [id, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (let chunk = 0; chunk === 0 || chunk * MAX_ENDPOINTS < group.pods.length; chunk++) {
      const members = group.pods.slice(chunk * MAX_ENDPOINTS, (chunk + 1) * MAX_ENDPOINTS);
      slices.push({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: `${service.metadata.name}-${templateHash({ id, chunk }).slice(-5)}`,
          namespace: service.metadata.namespace,
          labels: {
            ...service.metadata.labels,
            [LABEL.service]: service.metadata.name,
            [LABEL.managedBy]: LABEL.us,
            ...(service.spec.clusterIP === 'None' ? { [LABEL.headless]: '' } : {}),
          },
          ownerReferences: [controllerReference({ ...service, apiVersion: 'v1', kind: 'Service' })],
        },
        addressType: 'IPv4',
        endpoints: members.map((pod) => toEndpoint(service, pod, nodeOf)),
        ports: group.ports,
      });
    }
  }
  return slices;
}

export function toEndpoints({ service, pods }: SliceInput): Endpoints {
  const subsets = [...groupByPorts(service, pods)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => {
      const alive = group.pods.filter((pod) => !pod.metadata.deletionTimestamp).slice(0, MAX_ADDRESSES);
      const ready = alive.filter((pod) => service.spec.publishNotReadyAddresses || isPodReady(pod));
      const notReady = alive.filter((pod) => !ready.includes(pod));
      return {
        addresses: ready.length > 0 ? ready.map((pod) => toAddress(service, pod)) : undefined,
        notReadyAddresses: notReady.length > 0 ? notReady.map((pod) => toAddress(service, pod)) : undefined,
        ports: group.ports.length > 0 ? group.ports : undefined,
      };
    })
    .filter(({ addresses, notReadyAddresses }) => addresses || notReadyAddresses);
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: service.metadata.name,
      namespace: service.metadata.namespace,
      labels: {
        ...service.metadata.labels,
        [LABEL.endpointsManagedBy]: 'endpoint-controller',
        ...(service.spec.clusterIP === 'None' ? { [LABEL.headless]: '' } : {}),
      },
    },
    subsets: subsets.length > 0 ? subsets : undefined,
  };
}

interface Group {
  readonly ports: EndpointPort[];
  readonly pods: Pod[];
}

function groupByPorts(service: Service, pods: readonly Pod[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  const byName = [...pods].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const pod of byName) {
    if (!pod.status?.podIP || isPodTerminal(pod)) continue;
    const ports = portsOf(service, pod);
    const id = canonicalJson(ports);
    const group = groups.get(id) ?? { ports, pods: [] };
    group.pods.push(pod);
    groups.set(id, group);
  }
  return groups;
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap(({ name = '', port, targetPort, protocol = 'TCP', appProtocol }) => {
    const number = resolvePort(pod, targetPort ?? port, protocol);
    return number === undefined ? [] : [{ name, port: number, protocol, ...(appProtocol ? { appProtocol } : {}) }];
  });
}

function resolvePort(pod: Pod, target: number | string, protocol: string): number | undefined {
  if (typeof target === 'number') return target;
  if (/^\d+$/.test(target)) return Number(target);
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const { ports = [] } of [...pod.spec.containers, ...sidecars]) {
    const found = ports.find((port) => port.name === target && (port.protocol ?? 'TCP') === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}

function toEndpoint(service: Service, pod: Pod, nodeOf: SliceInput['nodeOf']): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const zone = pod.spec.nodeName
    ? nodeOf(pod.spec.nodeName)?.metadata.labels?.['topology.kubernetes.io/zone']
    : undefined;
  return {
    addresses: [pod.status!.podIP!],
    conditions: { ready, serving, terminating },
    ...hostnameOf(service, pod),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: targetOf(pod),
    ...(zone ? { zone } : {}),
  };
}

function toAddress(service: Service, pod: Pod): EndpointAddress {
  return {
    ip: pod.status!.podIP!,
    ...hostnameOf(service, pod),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: targetOf(pod),
  };
}

/** A name of its own in the DNS of a headless Service. */
function hostnameOf(service: Service, pod: Pod): { hostname?: string } {
  return pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? { hostname: pod.spec.hostname } : {};
}

function targetOf(pod: Pod): NonNullable<Endpoint['targetRef']> {
  return { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid };
}
