// What the parts of the mesh have in common: where they live, their images, the mesh configuration.
import {
  ConfigMapName,
  DEFAULT_CLUSTER_ID,
  DEFAULT_DOMAIN_SUFFIX,
  DEFAULT_REVISION,
  DEFAULT_TRUST_DOMAIN,
  SYSTEM_NAMESPACE,
} from '#api/names.ts';

/** Requests and limits of a container, in Kubernetes' form. */
export interface Resources {
  readonly requests?: Readonly<Record<string, string>> | undefined;
  readonly limits?: Readonly<Record<string, string>> | undefined;
}

export interface MeshSettings {
  /** Registry and repository before `/pilot` and `/proxyv2`. */
  readonly registry: string;
  readonly tag: string;
  readonly trustDomain: string;
  readonly clusterId: string;
  /** Access log of the proxies: a path such as `/dev/stdout`, or empty for none. */
  readonly accessLogFile: string;
  /** Resources of sidecars and gateways. */
  readonly proxyResources: Resources;
  readonly controlPlaneResources: Resources;
  /** Share of requests that are traced, in percent. */
  readonly traceSampling: number;
  /** Fields of MeshConfig beside those that follow from the above; they win. */
  readonly meshConfig: Readonly<Record<string, unknown>>;
}

export const defaultMeshSettings: MeshSettings = {
  registry: 'docker.io/rigging',
  tag: '0.1.0',
  trustDomain: DEFAULT_TRUST_DOMAIN,
  clusterId: DEFAULT_CLUSTER_ID,
  accessLogFile: '',
  proxyResources: { requests: { cpu: '100m', memory: '128Mi' } },
  controlPlaneResources: { requests: { cpu: '500m', memory: '256Mi' } },
  traceSampling: 1,
  meshConfig: {},
};

/** One control plane per cluster for now: the default revision, in the namespace that Istio uses. */
export const meshNamespace = SYSTEM_NAMESPACE;
export const meshRevision = DEFAULT_REVISION;
export const clusterDomain = DEFAULT_DOMAIN_SUFFIX;
export const discoveryAddress = `istiod.${SYSTEM_NAMESPACE}.svc:15012`;
export const meshConfigMapName = ConfigMapName.mesh;

export const imageOf = (settings: MeshSettings, name: 'pilot' | 'proxyv2'): string =>
  `${settings.registry}/${name}:${settings.tag}`;

/** Content of key `mesh` of ConfigMap `istio`, as an object. */
export function toMeshConfig(settings: MeshSettings): Record<string, unknown> {
  return {
    accessLogFile: settings.accessLogFile,
    defaultConfig: { discoveryAddress },
    defaultProviders: { metrics: ['prometheus'] },
    enablePrometheusMerge: true,
    rootNamespace: meshNamespace,
    trustDomain: settings.trustDomain,
    ...settings.meshConfig,
  };
}

/** Labels of everything that belongs to the mesh itself. */
export const partLabels = (app: string, component: string): Record<string, string> => ({
  app,
  'app.kubernetes.io/name': app,
  'app.kubernetes.io/part-of': 'istio',
  'app.kubernetes.io/managed-by': 'rigging',
  'istio.io/rev': meshRevision,
  'operator.istio.io/component': component,
});
