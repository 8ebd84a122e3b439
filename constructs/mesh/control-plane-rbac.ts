// What istiod may do: exactly what it needs to read configuration, answer webhooks, sign certificates and hold leases.

const read = ['get', 'list', 'watch'];
const istioGroups = [
  'networking.istio.io',
  'security.istio.io',
  'telemetry.istio.io',
  'extensions.istio.io',
  'config.istio.io',
  'authentication.istio.io',
];

/** Rules of the ClusterRole. */
export const controlPlaneClusterRules: readonly Record<string, unknown>[] = [
  // Its own webhooks: it writes the CA bundle into them.
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations'],
    verbs: [...read, 'update', 'patch'],
  },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['validatingwebhookconfigurations'],
    verbs: [...read, 'update', 'patch'],
  },
  { apiGroups: istioGroups, resources: ['*'], verbs: read },
  {
    apiGroups: ['networking.istio.io'],
    resources: ['workloadentries', 'workloadentries/status', 'serviceentries/status'],
    verbs: [...read, 'update', 'patch', 'create', 'delete'],
  },
  { apiGroups: ['security.istio.io'], resources: ['authorizationpolicies/status'], verbs: ['get', 'update', 'patch'] },
  { apiGroups: [''], resources: ['services/status'], verbs: ['get', 'update', 'patch'] },
  { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: read },
  { apiGroups: [''], resources: ['pods', 'nodes', 'services', 'namespaces', 'endpoints'], verbs: read },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: read },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['*'] },
  // The root certificate goes into a ConfigMap of every namespace.
  { apiGroups: [''], resources: ['configmaps'], verbs: [...read, 'create', 'update', 'patch'] },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['*'], verbs: read },
  {
    apiGroups: ['gateway.networking.k8s.io'],
    resources: ['gatewayclasses/status', 'gateways/status', 'grpcroutes/status', 'httproutes/status'],
    verbs: ['update', 'patch'],
  },
  // Certificates of gateways; their pods may live in any namespace.
  { apiGroups: [''], resources: ['secrets'], verbs: read },
];

/** Rules of the Role in the mesh's own namespace. */
export const controlPlaneRules: readonly Record<string, unknown>[] = [
  { apiGroups: ['networking.istio.io'], resources: ['gateways'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], verbs: [...read, 'create', 'update', 'delete'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['delete'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update', 'patch'] },
];
