// Kubernetes objects -> what the control plane would see of a cluster that runs them: pods with addresses, endpoints, settings.
// Every pod is ready. Addresses are made up, the same for the same objects.
import { parse } from 'yaml';
import { ConfigMapName, Label } from '#api/names.ts';
import {
  defaultMeshSettings,
  type EndpointSliceResource,
  type MeshSettings,
  type PodResource,
  type Resource,
  type Resources,
  type ServiceSpec,
} from '../../services/control-plane/model/resources.ts';
import type { KubernetesObject } from './objects.ts';

/** Who can send and receive requests. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** `router`: a gateway; `none`: no proxy. */
  readonly proxy: 'sidecar' | 'router' | 'none';
  /** One for each replica. */
  readonly pods: readonly { readonly name: string; readonly ip: string }[];
}

export interface World {
  readonly resources: Resources;
  readonly workloads: readonly Workload[];
}

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly containers?: readonly {
    readonly name: string;
    readonly args?: readonly string[];
    readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
  }[];
}

/** Replicas that are told apart; more would not change any share. */
const MAX_PODS = 100;
const HASH = 'simulated';

export function simulate(objects: readonly KubernetesObject[]): World {
  const injects = injectionOf(objects);
  const pods: PodResource[] = [];
  const workloads: Workload[] = [];
  for (const { object, labels, annotations, spec, replicas } of podTemplates(objects)) {
    const namespace = object.metadata.namespace ?? 'default';
    const proxy = proxyOf(labels, annotations, spec, injects(namespace, labels));
    const all = proxy === 'none' ? labels : { ...labels, [Label.tlsMode]: 'istio' };
    const serviceAccount = spec.serviceAccountName ?? 'default';
    const own: { name: string; ip: string }[] = [];
    for (let index = 0; index < Math.min(replicas, MAX_PODS); index++) {
      const number = pods.length + 1;
      const pod = {
        name: `${object.metadata.name}-${HASH}-${index}`,
        ip: `10.244.${Math.floor(number / 250)}.${(number % 250) + 1}`,
      };
      own.push(pod);
      pods.push({
        metadata: { name: pod.name, namespace, labels: { ...all, 'pod-template-hash': HASH }, annotations },
        spec: {
          serviceAccountName: serviceAccount,
          containers: (spec.containers ?? []).map((container) => ({ ports: container.ports ?? [] })),
        },
        status: { podIP: pod.ip, phase: 'Running' },
      });
    }
    workloads.push({ name: object.metadata.name, namespace, labels: all, serviceAccount, proxy, pods: own });
  }
  const services = ofKind(objects, '', 'Service').map(toService);
  const kind = <Spec>(group: string, name: string): Resource<Spec>[] =>
    ofKind(objects, group, name).map((object) => ({ metadata: object.metadata, spec: (object.spec ?? {}) as Spec }));
  const resources: Resources = {
    mesh: meshSettings(objects),
    services,
    endpointSlices: services.map((service) => sliceOf(service, pods)),
    pods,
    virtualServices: kind('networking.istio.io', 'VirtualService'),
    destinationRules: kind('networking.istio.io', 'DestinationRule'),
    gateways: kind('networking.istio.io', 'Gateway'),
    peerAuthentications: kind('security.istio.io', 'PeerAuthentication'),
    authorizationPolicies: kind('security.istio.io', 'AuthorizationPolicy'),
    credentials: [],
  };
  return { resources, workloads };
}

export const ofKind = (objects: readonly KubernetesObject[], group: string, kind: string): KubernetesObject[] =>
  objects
    .filter(
      (object) =>
        object.kind === kind && (object.apiVersion.includes('/') ? object.apiVersion.split('/')[0] : '') === group,
    )
    .sort((a, b) =>
      `${a.metadata.namespace}/${a.metadata.name}` < `${b.metadata.namespace}/${b.metadata.name}` ? -1 : 1,
    );

interface Template {
  readonly object: KubernetesObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  readonly replicas: number;
}

function podTemplates(objects: readonly KubernetesObject[]): Template[] {
  const templates: Template[] = [];
  for (const [group, kind] of [
    ['apps', 'Deployment'],
    ['apps', 'StatefulSet'],
    ['apps', 'DaemonSet'],
    ['apps', 'ReplicaSet'],
    ['', 'Pod'],
  ] as const) {
    for (const object of ofKind(objects, group, kind)) {
      const spec = (object.spec ?? {}) as {
        replicas?: number;
        template?: { metadata?: KubernetesObject['metadata']; spec?: PodSpec };
      };
      const metadata = kind === 'Pod' ? object.metadata : spec.template?.metadata;
      const pod = kind === 'Pod' ? (object.spec as PodSpec) : spec.template?.spec;
      templates.push({
        object,
        labels: metadata?.labels ?? {},
        annotations: metadata?.annotations ?? {},
        spec: pod ?? {},
        replicas: spec.replicas ?? 1,
      });
    }
  }
  return templates;
}

/** Whether pods of a namespace get a sidecar: its labels decide; a namespace that is not declared is taken as one of the mesh. */
function injectionOf(
  objects: readonly KubernetesObject[],
): (namespace: string, labels: Readonly<Record<string, string>>) => boolean {
  const namespaces = new Map(
    ofKind(objects, '', 'Namespace').map((object) => [object.metadata.name, object.metadata.labels ?? {}]),
  );
  return (namespace, labels) => {
    const own = labels[Label.inject];
    const of = namespaces.get(namespace);
    const injection = of?.[Label.injection];
    if (injection === 'disabled' || own === 'false') return false;
    if (own === 'true') return true;
    return of === undefined ? true : injection === 'enabled' || of[Label.revision] !== undefined;
  };
}

function proxyOf(
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
  spec: PodSpec,
  injected: boolean,
): Workload['proxy'] {
  const args = (spec.containers ?? []).flatMap((container) => container.args ?? []);
  const isGateway =
    annotations['inject.istio.io/templates'] === 'gateway' || (args.includes('proxy') && args.includes('router'));
  if (isGateway || /^(ingress|egress)gateway$/.test(labels[Label.istio] ?? '')) return 'router';
  return injected ? 'sidecar' : 'none';
}

function toService(object: KubernetesObject, index: number): Resource<ServiceSpec> {
  const spec = (object.spec ?? {}) as ServiceSpec;
  const address =
    spec.clusterIP ?? (spec.type === 'ExternalName' ? '' : `10.96.${1 + Math.floor(index / 250)}.${(index % 250) + 1}`);
  return { metadata: object.metadata, spec: { ...spec, clusterIP: address } };
}

function sliceOf(service: Resource<ServiceSpec>, pods: readonly PodResource[]): EndpointSliceResource {
  const namespace = service.metadata.namespace ?? 'default';
  const selector = Object.entries(service.spec.selector ?? {});
  const selected = pods.filter(
    (pod) =>
      selector.length > 0 &&
      (pod.metadata.namespace ?? 'default') === namespace &&
      selector.every(([key, value]) => pod.metadata.labels?.[key] === value),
  );
  return {
    metadata: {
      name: `${service.metadata.name}-${HASH}`,
      namespace,
      labels: { [Label.serviceName]: service.metadata.name },
    },
    addressType: 'IPv4',
    endpoints: selected.map((pod) => ({
      addresses: [pod.status?.podIP ?? ''],
      conditions: { ready: true },
      targetRef: { kind: 'Pod', name: pod.metadata.name, namespace },
    })),
    ports: (service.spec.ports ?? []).map((port) => ({
      name: port.name,
      port: portNumber(port.targetPort ?? port.port, selected[0]),
      protocol: port.protocol ?? 'TCP',
    })),
  };
}

/** A target port by name is that of the first pod's containers. */
function portNumber(port: number | string, pod: PodResource | undefined): number {
  if (typeof port === 'number') return port;
  const found = (pod?.spec.containers ?? [])
    .flatMap((container) => container.ports ?? [])
    .find((each) => each.name === port);
  return found?.containerPort ?? Number(port);
}

/** The mesh configuration of ConfigMap `istio`, where it is among the objects. */
export function meshSettings(objects: readonly KubernetesObject[]): MeshSettings {
  const map = ofKind(objects, '', 'ConfigMap').find((object) => object.metadata.name === ConfigMapName.mesh);
  const text = (map?.data as { mesh?: string } | undefined)?.mesh;
  const mesh = (text ? parse(text) : {}) as {
    rootNamespace?: string;
    trustDomain?: string;
    enableAutoMtls?: boolean;
    outboundTrafficPolicy?: { mode?: string };
  } | null;
  return {
    ...defaultMeshSettings,
    ...(mesh?.rootNamespace ? { rootNamespace: mesh.rootNamespace } : {}),
    ...(mesh?.trustDomain ? { trustDomain: mesh.trustDomain } : {}),
    ...(mesh?.enableAutoMtls === undefined ? {} : { enableAutoMtls: mesh.enableAutoMtls }),
    ...(mesh?.outboundTrafficPolicy?.mode === 'REGISTRY_ONLY'
      ? { outboundTrafficPolicy: 'REGISTRY_ONLY' as const }
      : {}),
  };
}
