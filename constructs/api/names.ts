// Names that Istio, Kubernetes and we agree on: namespaces, components, ports, ids, labels, annotations, secrets, config maps.

/** Where the mesh's own parts live; also the default root namespace of mesh-wide policy. */
export const SYSTEM_NAMESPACE = 'istio-system';
export const DEFAULT_REVISION = 'default';
export const DEFAULT_TRUST_DOMAIN = 'cluster.local';
export const DEFAULT_DOMAIN_SUFFIX = 'cluster.local';
export const DEFAULT_CLUSTER_ID = 'Kubernetes';
/** Server-side apply field manager of everything that `rig` applies. */
export const FIELD_MANAGER = 'rigging';

/** Uid and gid of every proxy; its own traffic is told apart from the app's by them. */
export const PROXY_UID = 1337;
export const PROXY_GID = 1337;

/** Namespaces that are never injected and get no root-certificate ConfigMap, except where said otherwise. */
export const IGNORED_NAMESPACES: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
];

export const Component = {
  istiod: 'istiod',
  ztunnel: 'ztunnel',
  cniNode: 'istio-cni-node',
  ingressGateway: 'istio-ingressgateway',
  egressGateway: 'istio-egressgateway',
  proxyContainer: 'istio-proxy',
  initContainer: 'istio-init',
  validationContainer: 'istio-validation',
} as const;

/** TCP ports of the control plane and the proxies. */
export const Port = {
  /** istiod: readiness and debug. */
  istiodHttp: 8080,
  /** istiod: plaintext xDS. */
  xdsPlaintext: 15010,
  /** istiod: mTLS xDS and certificate signing. */
  xds: 15012,
  /** istiod: metrics and debug. */
  istiodMonitoring: 15014,
  /** istiod: webhooks. */
  webhooks: 15017,
  /** proxy: admin, loopback only. */
  admin: 15000,
  /** proxy: redirected outbound traffic. */
  outbound: 15001,
  /** agent: debug tap, loopback only. */
  debugTap: 15004,
  /** proxy: redirected inbound traffic. */
  inbound: 15006,
  /** HBONE tunnels. */
  hbone: 15008,
  /** agent: merged metrics, app probes, quit and drain. */
  agentStatus: 15020,
  /** proxy: readiness. */
  readiness: 15021,
  /** agent: DNS. */
  dns: 15053,
  /** proxy: its own metrics. */
  proxyMetrics: 15090,
  /** east-west gateway: AUTO_PASSTHROUGH by SNI. */
  eastWest: 15443,
} as const;

/** Ports a scrape target or an app may not use in an injected pod. */
export const RESERVED_PORTS: readonly number[] = [15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090];
/** Inbound ports that are never redirected to the proxy. */
export const UNCAPTURED_INBOUND_PORTS: readonly number[] = [15090, 15021, 15020];

export const Label = {
  revision: 'istio.io/rev',
  revisionTag: 'istio.io/tag',
  /** On a namespace: `enabled` or `disabled`. */
  injection: 'istio-injection',
  /** On a pod: `true` or `false`. */
  inject: 'sidecar.istio.io/inject',
  /** `ambient` or `none`. */
  dataplaneMode: 'istio.io/dataplane-mode',
  useWaypoint: 'istio.io/use-waypoint',
  useWaypointNamespace: 'istio.io/use-waypoint-namespace',
  ingressUseWaypoint: 'istio.io/ingress-use-waypoint',
  waypointFor: 'istio.io/waypoint-for',
  /** Marks an injected pod (`istio`): its endpoints get mutual TLS. */
  tlsMode: 'security.istio.io/tlsMode',
  tunnel: 'networking.istio.io/tunnel',
  enableAutoallocateIp: 'networking.istio.io/enable-autoallocate-ip',
  gatewayPort: 'networking.istio.io/gatewayPort',
  canonicalName: 'service.istio.io/canonical-name',
  canonicalRevision: 'service.istio.io/canonical-revision',
  workloadName: 'service.istio.io/workload-name',
  network: 'topology.istio.io/network',
  cluster: 'topology.istio.io/cluster',
  subzone: 'topology.istio.io/subzone',
  locality: 'topology.istio.io/locality',
  region: 'topology.kubernetes.io/region',
  zone: 'topology.kubernetes.io/zone',
  hostname: 'kubernetes.io/hostname',
  /** `"true"` on ConfigMaps that carry mesh configuration. */
  config: 'istio.io/config',
  gatewayManaged: 'gateway.istio.io/managed',
  gatewayName: 'gateway.networking.k8s.io/gateway-name',
  gatewayClassName: 'gateway.networking.k8s.io/gateway-class-name',
  istio: 'istio',
  app: 'app',
  version: 'version',
  appName: 'app.kubernetes.io/name',
  appVersion: 'app.kubernetes.io/version',
  appInstance: 'app.kubernetes.io/instance',
  partOf: 'app.kubernetes.io/part-of',
  managedBy: 'app.kubernetes.io/managed-by',
  serviceName: 'kubernetes.io/service-name',
  namespaceName: 'kubernetes.io/metadata.name',
} as const;

export const Annotation = {
  /** Path of the construct that declared the object. */
  construct: 'rigging.dev/construct',
  injectTemplates: 'inject.istio.io/templates',
  sidecarStatus: 'sidecar.istio.io/status',
  interceptionMode: 'sidecar.istio.io/interceptionMode',
  proxyImage: 'sidecar.istio.io/proxyImage',
  proxyImageType: 'sidecar.istio.io/proxyImageType',
  proxyCpu: 'sidecar.istio.io/proxyCPU',
  proxyMemory: 'sidecar.istio.io/proxyMemory',
  proxyCpuLimit: 'sidecar.istio.io/proxyCPULimit',
  proxyMemoryLimit: 'sidecar.istio.io/proxyMemoryLimit',
  proxyLogLevel: 'sidecar.istio.io/logLevel',
  proxyComponentLogLevel: 'sidecar.istio.io/componentLogLevel',
  agentLogLevel: 'sidecar.istio.io/agentLogLevel',
  nativeSidecar: 'sidecar.istio.io/nativeSidecar',
  rewriteAppProbers: 'sidecar.istio.io/rewriteAppHTTPProbers',
  discoveryAddress: 'sidecar.istio.io/discoveryAddress',
  includeOutboundIpRanges: 'traffic.sidecar.istio.io/includeOutboundIPRanges',
  excludeOutboundIpRanges: 'traffic.sidecar.istio.io/excludeOutboundIPRanges',
  includeInboundPorts: 'traffic.sidecar.istio.io/includeInboundPorts',
  excludeInboundPorts: 'traffic.sidecar.istio.io/excludeInboundPorts',
  includeOutboundPorts: 'traffic.sidecar.istio.io/includeOutboundPorts',
  excludeOutboundPorts: 'traffic.sidecar.istio.io/excludeOutboundPorts',
  excludeInterfaces: 'traffic.sidecar.istio.io/excludeInterfaces',
  proxyConfig: 'proxy.istio.io/config',
  proxyOverrides: 'proxy.istio.io/overrides',
  statusPort: 'status.sidecar.istio.io/port',
  mergeMetrics: 'prometheus.istio.io/merge-metrics',
  prometheusScrape: 'prometheus.io/scrape',
  prometheusPort: 'prometheus.io/port',
  prometheusPath: 'prometheus.io/path',
  dryRun: 'istio.io/dry-run',
  analyzeSuppress: 'galley.istio.io/analyze-suppress',
  exportTo: 'networking.istio.io/exportTo',
  trafficDistribution: 'networking.istio.io/traffic-distribution',
  serviceType: 'networking.istio.io/service-type',
  ambientRedirection: 'ambient.istio.io/redirection',
  /** Readiness proof of the validating webhook: such an object is always refused. */
  alwaysReject: 'internal.istio.io/webhook-always-reject',
  internalParents: 'internal.istio.io/parents',
  internalParentNamespace: 'internal.istio.io/parent-namespace',
  defaultContainer: 'kubectl.kubernetes.io/default-container',
  defaultLogsContainer: 'kubectl.kubernetes.io/default-logs-container',
  resourcePolicy: 'helm.sh/resource-policy',
} as const;

/** ConfigMaps that programs read or write, with the keys they hold. Those marked `rev` end in `-<revision>` unless it is `default`. */
export const ConfigMapName = {
  /** rev; keys `mesh`, `meshNetworks`. */
  mesh: 'istio',
  /** rev; keys `config`, `values`. */
  injector: 'istio-sidecar-injector',
  /** In every namespace; key `root-cert.pem`. */
  rootCert: 'istio-ca-root-cert',
  /** Key `ca-crl.pem`. */
  crl: 'istio-ca-crl',
} as const;
export const ROOT_CERT_KEY = 'root-cert.pem';

export const SecretName = {
  /** The self-signed CA that istiod made. */
  selfSigned: 'istio-ca-secret',
  /** A CA that the operator plugged in. */
  pluggedIn: 'cacerts',
} as const;

export const WebhookName = {
  injectorConfig: 'istio-sidecar-injector',
  validatorConfig: 'istio-validator',
  defaultValidatorConfig: 'istiod-default-validator',
} as const;

/** Audience of the service-account token with which a workload asks for its certificate. */
export const TOKEN_AUDIENCE = 'istio-ca';

/** `spiffe://<trust-domain>/ns/<namespace>/sa/<service account>`. */
export const spiffeId = (trustDomain: string, namespace: string, serviceAccount: string): string =>
  `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;

/** `<service>.<namespace>.svc.<suffix>`. */
export const serviceHostname = (name: string, namespace: string, suffix: string = DEFAULT_DOMAIN_SUFFIX): string =>
  `${name}.${namespace}.svc.${suffix}`;

/**
 * A short host name expanded with the namespace of the rule that says it; names with a dot and wildcards stay.
 * @see https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService-hosts
 */
export const expandHost = (host: string, namespace: string, suffix: string = DEFAULT_DOMAIN_SUFFIX): string =>
  host === '' || host.includes('.') || host.startsWith('*') ? host : serviceHostname(host, namespace, suffix);

/** Istio's cluster name: `outbound|9080|v1|reviews.default.svc.cluster.local`. */
export const clusterName = (direction: 'outbound' | 'inbound', port: number, subset: string, host: string): string =>
  `${direction}|${port}|${subset}|${host}`;
