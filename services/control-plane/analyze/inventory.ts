// What the analysers look things up in: objects by kind, hosts of the service registry, pods by label.
import type { DestinationRuleSpec } from '#api/destination-rule.ts';
import type { GatewaySpec } from '#api/gateway.ts';
import { expandHost, serviceHostname } from '#api/names.ts';
import type { VirtualServiceSpec } from '#api/virtual-service.ts';
import type { AnalysedObject } from './message.ts';

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly appProtocol?: string;
  readonly targetPort?: number | string;
}

/** A host of the registry: a Service, or a host of a ServiceEntry. */
export interface KnownHost {
  readonly host: string;
  readonly namespace: string;
  readonly ports: readonly number[];
  readonly service: AnalysedObject | undefined;
}

export type Typed<Spec> = AnalysedObject & { readonly spec: Spec };

export interface Inventory {
  readonly objects: readonly AnalysedObject[];
  readonly domainSuffix: string;
  readonly rootNamespace: string;
  readonly virtualServices: readonly Typed<VirtualServiceSpec>[];
  readonly destinationRules: readonly Typed<DestinationRuleSpec>[];
  readonly gateways: readonly Typed<GatewaySpec>[];
  readonly namespaces: readonly AnalysedObject[];
  readonly services: readonly AnalysedObject[];
  readonly pods: readonly AnalysedObject[];
  /** By full name; wildcards of ServiceEntries under their own spelling. */
  readonly hosts: ReadonlyMap<string, readonly KnownHost[]>;
  ofKind(kind: string, group?: string): readonly AnalysedObject[];
}

export interface InventoryOptions {
  readonly domainSuffix: string;
  readonly rootNamespace: string;
  /** Namespace of objects that say none. */
  readonly defaultNamespace: string;
}

export function buildInventory(given: readonly AnalysedObject[], options: InventoryOptions): Inventory {
  const objects = given.map((object) => withNamespace(object, options.defaultNamespace));
  const byKind = new Map<string, AnalysedObject[]>();
  for (const object of objects) {
    const slash = object.apiVersion.indexOf('/');
    const key = `${slash < 0 ? '' : object.apiVersion.slice(0, slash)} ${object.kind}`;
    const list = byKind.get(key) ?? [];
    list.push(object);
    byKind.set(key, list);
  }
  const ofKind = (kind: string, group = ''): readonly AnalysedObject[] => byKind.get(`${group} ${kind}`) ?? [];
  const typed = <Spec>(kind: string): readonly Typed<Spec>[] =>
    ofKind(kind, 'networking.istio.io').map((object) => ({ ...object, spec: (object.spec ?? {}) as Spec }));
  const services = ofKind('Service');
  return {
    objects,
    domainSuffix: options.domainSuffix,
    rootNamespace: options.rootNamespace,
    virtualServices: typed<VirtualServiceSpec>('VirtualService'),
    destinationRules: typed<DestinationRuleSpec>('DestinationRule'),
    gateways: typed<GatewaySpec>('Gateway'),
    namespaces: ofKind('Namespace'),
    services,
    pods: [...ofKind('Pod'), ...ofKind('Deployment', 'apps').map(podOf)],
    hosts: knownHosts(services, ofKind('ServiceEntry', 'networking.istio.io'), options.domainSuffix),
    ofKind,
  };
}

const CLUSTER_SCOPED = [
  'Namespace',
  'Node',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'GatewayClass',
];

function withNamespace(object: AnalysedObject, namespace: string): AnalysedObject {
  if (object.metadata.namespace || CLUSTER_SCOPED.includes(object.kind)) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

/** The pods of a Deployment, before a cluster makes them. */
function podOf(deployment: AnalysedObject): AnalysedObject {
  const template = (deployment.spec as { template?: { metadata?: object; spec?: unknown } } | undefined)?.template;
  return {
    apiVersion: 'v1',
    kind: 'Deployment',
    metadata: {
      ...(template?.metadata as AnalysedObject['metadata']),
      name: deployment.metadata.name,
      namespace: deployment.metadata.namespace,
    },
    spec: template?.spec,
  };
}

function knownHosts(
  services: readonly AnalysedObject[],
  entries: readonly AnalysedObject[],
  suffix: string,
): Map<string, KnownHost[]> {
  const hosts = new Map<string, KnownHost[]>();
  const add = (known: KnownHost): void => {
    const list = hosts.get(known.host) ?? [];
    list.push(known);
    hosts.set(known.host, list);
  };
  for (const service of services) {
    const { name = '', namespace = '' } = service.metadata;
    const ports = portsOf(service).map((port) => port.port);
    add({ host: serviceHostname(name, namespace, suffix), namespace, ports, service });
  }
  for (const entry of entries) {
    const spec = (entry.spec ?? {}) as { hosts?: readonly string[]; ports?: readonly { number: number }[] };
    const ports = (spec.ports ?? []).map((port) => port.number);
    for (const host of spec.hosts ?? [])
      add({ host, namespace: entry.metadata.namespace ?? '', ports, service: undefined });
  }
  return hosts;
}

export const portsOf = (service: AnalysedObject): readonly ServicePort[] =>
  (service.spec as { ports?: readonly ServicePort[] } | undefined)?.ports ?? [];

/** The registry's entry for a host as a rule in `namespace` says it; wildcards of ServiceEntries cover it too. */
export function findHost(inventory: Inventory, host: string, namespace: string): KnownHost | undefined {
  const full = expandHost(host, namespace, inventory.domainSuffix);
  const exact = inventory.hosts.get(full)?.[0];
  if (exact) return exact;
  // `reviews.other` is short for a service of another namespace only by mistake; Kubernetes' own short forms are not expanded.
  for (const [known, list] of inventory.hosts) {
    if (known.startsWith('*') && full.endsWith(known.slice(1))) return list[0];
    if (full.startsWith('*') && known.endsWith(full.slice(1))) return list[0];
  }
  return undefined;
}

export const matchesLabels = (
  labels: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>>,
): boolean => Object.entries(wanted).every(([key, value]) => labels?.[key] === value);

/** `a=b,c=d`, sorted. */
export const formatLabels = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
