// Resource references of the kinds that Kubernetes itself serves and that our programs use.
import type { ResourceRef } from './object.ts';

const ref = (group: string, version: string, kind: string, plural: string, namespaced = true): ResourceRef => ({
  group,
  version,
  kind,
  plural,
  namespaced,
});
const core = (kind: string, plural: string, namespaced = true): ResourceRef => ref('', 'v1', kind, plural, namespaced);

export const namespaces = core('Namespace', 'namespaces', false);
export const nodes = core('Node', 'nodes', false);
export const persistentVolumes = core('PersistentVolume', 'persistentvolumes', false);
export const persistentVolumeClaims = core('PersistentVolumeClaim', 'persistentvolumeclaims');
export const pods = core('Pod', 'pods');
export const services = core('Service', 'services');
export const endpoints = core('Endpoints', 'endpoints');
export const configMaps = core('ConfigMap', 'configmaps');
export const secrets = core('Secret', 'secrets');
export const serviceAccounts = core('ServiceAccount', 'serviceaccounts');
export const events = core('Event', 'events');
export const replicationControllers = core('ReplicationController', 'replicationcontrollers');
export const resourceQuotas = core('ResourceQuota', 'resourcequotas');
export const limitRanges = core('LimitRange', 'limitranges');
export const podTemplates = core('PodTemplate', 'podtemplates');

export const deployments = ref('apps', 'v1', 'Deployment', 'deployments');
export const replicaSets = ref('apps', 'v1', 'ReplicaSet', 'replicasets');
export const daemonSets = ref('apps', 'v1', 'DaemonSet', 'daemonsets');
export const statefulSets = ref('apps', 'v1', 'StatefulSet', 'statefulsets');
export const controllerRevisions = ref('apps', 'v1', 'ControllerRevision', 'controllerrevisions');

export const jobs = ref('batch', 'v1', 'Job', 'jobs');
export const cronJobs = ref('batch', 'v1', 'CronJob', 'cronjobs');

export const endpointSlices = ref('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices');
export const leases = ref('coordination.k8s.io', 'v1', 'Lease', 'leases');
export const podDisruptionBudgets = ref('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets');
export const priorityClasses = ref('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', false);
export const horizontalPodAutoscalers = ref('autoscaling', 'v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers');
export const ingresses = ref('networking.k8s.io', 'v1', 'Ingress', 'ingresses');
export const ingressClasses = ref('networking.k8s.io', 'v1', 'IngressClass', 'ingressclasses', false);
export const networkPolicies = ref('networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies');

export const roles = ref('rbac.authorization.k8s.io', 'v1', 'Role', 'roles');
export const roleBindings = ref('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings');
export const clusterRoles = ref('rbac.authorization.k8s.io', 'v1', 'ClusterRole', 'clusterroles', false);
export const clusterRoleBindings = ref(
  'rbac.authorization.k8s.io',
  'v1',
  'ClusterRoleBinding',
  'clusterrolebindings',
  false,
);

const admission = 'admissionregistration.k8s.io';
export const mutatingWebhookConfigurations = ref(
  admission,
  'v1',
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
  false,
);
export const validatingWebhookConfigurations = ref(
  admission,
  'v1',
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
  false,
);
export const customResourceDefinitions = ref(
  'apiextensions.k8s.io',
  'v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  false,
);

/** Every reference above, for look-ups by kind. */
export const BUILT_IN_REFS: readonly ResourceRef[] = [
  namespaces,
  nodes,
  persistentVolumes,
  persistentVolumeClaims,
  pods,
  services,
  endpoints,
  configMaps,
  secrets,
  serviceAccounts,
  events,
  replicationControllers,
  resourceQuotas,
  limitRanges,
  podTemplates,
  deployments,
  replicaSets,
  daemonSets,
  statefulSets,
  controllerRevisions,
  jobs,
  cronJobs,
  endpointSlices,
  leases,
  podDisruptionBudgets,
  priorityClasses,
  horizontalPodAutoscalers,
  ingresses,
  ingressClasses,
  networkPolicies,
  roles,
  roleBindings,
  clusterRoles,
  clusterRoleBindings,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
  customResourceDefinitions,
];
