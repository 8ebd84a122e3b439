// Whose object is it? Ours by the ApplySet label; ArgoCD's by its tracking marks; another owner's mesh by what it is.
import { createHash } from 'node:crypto';
import type { KubeObject } from '#lib/kube/object.ts';
import { groupKindOf } from './resource-map.ts';

export const PART_OF = 'applyset.kubernetes.io/part-of';
export const SET_ID = 'applyset.kubernetes.io/id';
export const TOOLING = 'applyset.kubernetes.io/tooling';
export const GROUP_KINDS = 'applyset.kubernetes.io/contains-group-kinds';
export const NAMESPACES = 'applyset.kubernetes.io/additional-namespaces';

/** @see https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune */
export function applySetId(parent: { name: string; namespace: string; kind: string; group: string }): string {
  const text = `${parent.name}.${parent.namespace}.${parent.kind}.${parent.group}`;
  return `applyset-${createHash('sha256').update(text).digest('base64url')}-v1`;
}

/** The Application that tracks the object, as ArgoCD marks it. */
export function argoApplicationOf(object: KubeObject): string | undefined {
  const tracking = object.metadata.annotations?.['argocd.argoproj.io/tracking-id'];
  return tracking?.split(':')[0] ?? object.metadata.labels?.['argocd.argoproj.io/instance'];
}

const MESH_PARTS = new Set(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']);

/** A part of a mesh that must have one owner: istiod, its webhooks, its CRDs. */
export function isMeshPart(object: KubeObject): boolean {
  const { name, namespace } = object.metadata;
  if (object.kind === 'CustomResourceDefinition') return name.endsWith('.istio.io');
  if (MESH_PARTS.has(object.kind)) return /istio/.test(name);
  return object.kind === 'Deployment' && namespace === 'istio-system' && name.startsWith('istiod');
}

/** Never removed without `purge`: with them goes what others made of them, or an identity that running pods trust. */
export function isKept(object: KubeObject): boolean {
  return (
    object.kind === 'CustomResourceDefinition' ||
    (object.kind === 'Secret' && ['istio-ca-secret', 'cacerts'].includes(object.metadata.name))
  );
}

/** What may go first: admission before what it guards, workloads before configuration, namespaces and CRDs last. */
const REMOVAL_ORDER = [
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'CronJob',
  'Job',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Pod',
  'Service',
];
const LAST = [
  'ServiceAccount',
  'ConfigMap',
  'Secret',
  'RoleBinding',
  'Role',
  'ClusterRoleBinding',
  'ClusterRole',
  'CustomResourceDefinition',
  'Namespace',
];

export function removalRank(object: KubeObject): number {
  const early = REMOVAL_ORDER.indexOf(object.kind);
  if (early >= 0) return early;
  const late = LAST.indexOf(object.kind);
  return late >= 0 ? 200 + late : 100;
}

export const idOf = (object: KubeObject): string =>
  `${groupKindOf(object)}|${object.metadata.namespace ?? ''}|${object.metadata.name}`;
