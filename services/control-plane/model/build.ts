// Resources -> the immutable model that generators read. The list of its parts is this file.
import type { AuthorizationPolicySpec } from '#api/authorization-policy.ts';
import type { DestinationRuleSpec } from '#api/destination-rule.ts';
import type { GatewaySpec } from '#api/gateway.ts';
import type { PeerAuthenticationSpec } from '#api/peer-authentication.ts';
import type { VirtualServiceSpec } from '#api/virtual-service.ts';
import { compareHosts, hostCovers, resolveHost } from './hosts.ts';
import type { CredentialResource, MeshSettings, Resource, Resources } from './resources.ts';
import { type ModelEndpoint, type ModelPod, type ModelService, toEndpoints, toPod, toService } from './services.ts';

/** A rule set with its hosts and gateways by their full names. */
export interface ModelVirtualService {
  readonly name: string;
  readonly namespace: string;
  readonly hosts: readonly string[];
  /** `mesh` or `<namespace>/<name>`. */
  readonly gateways: readonly string[];
  readonly exportTo: readonly string[];
  readonly spec: VirtualServiceSpec;
  /** Path of the construct that made it, where one did. */
  readonly construct?: string | undefined;
}

export interface ModelDestinationRule {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly exportTo: readonly string[];
  readonly spec: DestinationRuleSpec;
}

export interface ModelGateway {
  /** `<namespace>/<name>` */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly spec: GatewaySpec;
}

export interface Model {
  readonly mesh: MeshSettings;
  readonly services: ReadonlyMap<string, ModelService>;
  readonly endpoints: ReadonlyMap<string, readonly ModelEndpoint[]>;
  /** By `<namespace>/<name>`. */
  readonly pods: ReadonlyMap<string, ModelPod>;
  readonly virtualServices: readonly ModelVirtualService[];
  readonly destinationRules: readonly ModelDestinationRule[];
  readonly gateways: ReadonlyMap<string, ModelGateway>;
  readonly peerAuthentications: readonly Resource<PeerAuthenticationSpec>[];
  readonly authorizationPolicies: readonly Resource<AuthorizationPolicySpec>[];
  /** By `<namespace>/<name>`. */
  readonly credentials: ReadonlyMap<string, CredentialResource>;
}

/** Older first, then by namespace and name: Istio's order between resources of one kind. */
const byAge = (a: { readonly metadata: Resource<unknown>['metadata'] }, b: typeof a): number => {
  const key = (it: typeof a) => `${it.metadata.creationTimestamp ?? ''}\0${it.metadata.namespace}\0${it.metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
};

const constructAnnotation = 'rigging.dev/construct';

export function buildModel(resources: Resources): Model {
  const { mesh } = resources;
  const services = new Map(
    resources.services
      .map((it) => toService(it, mesh.domainSuffix))
      .sort((a, b) => (a.hostname < b.hostname ? -1 : 1))
      .map((it) => [it.hostname, it]),
  );
  const pods = new Map(resources.pods.map((it) => toPod(it)).map((it) => [`${it.namespace}/${it.name}`, it]));
  return {
    mesh,
    services,
    pods,
    endpoints: toEndpoints(resources, services, pods),
    virtualServices: [...resources.virtualServices].sort(byAge).map((it) => toVirtualService(it, mesh.domainSuffix)),
    destinationRules: [...resources.destinationRules].sort(byAge).map(({ metadata, spec }) => ({
      name: metadata.name,
      namespace: metadata.namespace ?? 'default',
      host: resolveHost(spec.host ?? '', metadata.namespace ?? 'default', mesh.domainSuffix),
      exportTo: spec.exportTo ?? ['*'],
      spec,
    })),
    gateways: new Map(
      [...resources.gateways].sort(byAge).map(({ metadata, spec }) => {
        const namespace = metadata.namespace ?? 'default';
        const key = `${namespace}/${metadata.name}`;
        return [key, { key, namespace, name: metadata.name, selector: spec.selector ?? {}, spec }] as const;
      }),
    ),
    peerAuthentications: [...resources.peerAuthentications].sort(byAge),
    authorizationPolicies: [...(resources.authorizationPolicies ?? [])].sort(byAge),
    credentials: new Map(resources.credentials.map((it) => [`${it.namespace}/${it.name}`, it])),
  };
}

function toVirtualService({ metadata, spec }: Resource<VirtualServiceSpec>, domainSuffix: string): ModelVirtualService {
  const namespace = metadata.namespace ?? 'default';
  return {
    name: metadata.name,
    namespace,
    hosts: (spec.hosts ?? []).map((host) => resolveHost(host, namespace, domainSuffix)),
    gateways: (spec.gateways?.length ? spec.gateways : ['mesh']).map((it) =>
      it === 'mesh' || it.includes('/') ? it : `${namespace}/${it}`,
    ),
    exportTo: spec.exportTo ?? ['*'],
    spec,
    construct: metadata.annotations?.[constructAnnotation],
  };
}

/** Whether something of one namespace is visible in another. */
export const isExported = (exportTo: readonly string[], from: string, to: string): boolean =>
  exportTo.some((it) => it === '*' || it === to || (it === '.' && from === to));

/** The rule that holds for a host as seen from a namespace: the client's own first, then the service's, then the root's. */
export function destinationRuleFor(
  model: Model,
  host: string,
  clientNamespace: string,
  serviceNamespace: string,
): ModelDestinationRule | undefined {
  const covering = model.destinationRules
    .filter((it) => hostCovers(it.host, host) && isExported(it.exportTo, it.namespace, clientNamespace))
    .filter((it) => !it.spec.workloadSelector);
  for (const namespace of [clientNamespace, serviceNamespace, model.mesh.rootNamespace]) {
    const here = covering.filter((it) => it.namespace === namespace).sort((a, b) => compareHosts(a.host, b.host));
    if (here.length > 0) return here[0];
  }
  return undefined;
}

/** The rule sets of a gateway (or `mesh`) that a namespace sees, for one host; the most specific host first. */
export function virtualServicesFor(model: Model, gateway: string, namespace: string): readonly ModelVirtualService[] {
  return model.virtualServices.filter(
    (it) => it.gateways.includes(gateway) && (gateway !== 'mesh' || isExported(it.exportTo, it.namespace, namespace)),
  );
}
