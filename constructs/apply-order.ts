// In which order kinds are applied, and which live outside namespaces.
import { SYSTEM_NAMESPACE } from '#api/names.ts';
import { tryKind } from '#api/registry.ts';

interface Identified {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace?: string | undefined };
}

/** Waves; what is not named comes after all of them. Within the mesh's namespace everything precedes the apps. */
const waves: readonly (readonly string[])[] = [
  ['CustomResourceDefinition'],
  ['Namespace'],
  ['PriorityClass', 'StorageClass', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
  ['ConfigMap', 'Secret', 'PersistentVolume', 'PersistentVolumeClaim'],
  ['Service'],
  ['Deployment', 'DaemonSet', 'StatefulSet', 'Job', 'CronJob', 'HorizontalPodAutoscaler', 'PodDisruptionBudget'],
  ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
];

const CLUSTER_WAVES = 3;
const APPS = 100;
const POLICY = 200;
const ROUTES = 201;

/** Position in the order of application; equal ranks are sorted by name. */
export function applyRank(object: Identified): number {
  const wave = waves.findIndex((kinds) => kinds.includes(object.kind));
  if (object.kind === 'VirtualService') return ROUTES;
  if (wave < 0) return POLICY;
  const ofMesh = object.metadata.namespace === SYSTEM_NAMESPACE || isClusterScoped(object);
  return wave < CLUSTER_WAVES || ofMesh ? wave : APPS + wave;
}

const clusterScopedKinds = new Set([
  'APIService',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'IngressClass',
  'MutatingWebhookConfiguration',
  'Namespace',
  'Node',
  'PersistentVolume',
  'PriorityClass',
  'RuntimeClass',
  'StorageClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
  'GatewayClass',
]);

/** Whether objects of the kind live outside namespaces. */
export function isClusterScoped({ apiVersion, kind }: Identified): boolean {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const ours = tryKind(group, kind);
  return ours ? ours.scope === 'Cluster' : clusterScopedKinds.has(kind);
}
