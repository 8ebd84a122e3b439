// Which workload a pod belongs to, from its owner: the Deployment of a ReplicaSet, the CronJob of a Job, or itself.
import { Label } from '#api/names.ts';
import type { Pod } from './pod.ts';

/** The workload. */
export interface WorkloadMeta {
  readonly name: string;
  readonly kind: string;
  readonly apiVersion: string;
}

/** Finds it. */
export function workloadOf(pod: Pod): WorkloadMeta {
  const { metadata } = pod;
  const owner =
    metadata.ownerReferences?.find(({ controller }) => controller === true) ?? metadata.ownerReferences?.[0];
  if (owner === undefined) {
    const name = metadata.name || (metadata.generateName ?? '').replace(/-$/, '');
    return { name, kind: 'Pod', apiVersion: 'v1' };
  }
  const hash = metadata.labels?.['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return { name: owner.name.slice(0, -hash.length - 1), kind: 'Deployment', apiVersion: 'apps/v1' };
  }
  const scheduled = /^(.+)-\d{8,10}$/.exec(owner.name)?.[1];
  if (owner.kind === 'Job' && scheduled !== undefined)
    return { name: scheduled, kind: 'CronJob', apiVersion: 'batch/v1' };
  return { name: owner.name, kind: owner.kind, apiVersion: owner.apiVersion };
}

/** `kubernetes://apis/apps/v1/namespaces/default/deployments/reviews-v1` */
export function ownerUri(workload: WorkloadMeta, namespace: string): string | undefined {
  if (workload.name === '') return undefined;
  return `kubernetes://apis/${workload.apiVersion}/namespaces/${namespace}/${workload.kind.toLowerCase()}s/${workload.name}`;
}

/** Canonical service and revision, as Istio derives them. */
export function canonicalOf(pod: Pod, workload: WorkloadMeta): { readonly name: string; readonly revision: string } {
  const labels = pod.metadata.labels ?? {};
  const name = labels[Label.canonicalName] || labels[Label.appName] || labels[Label.app] || workload.name;
  const revision = labels[Label.canonicalRevision] || labels[Label.appVersion] || labels[Label.version] || 'latest';
  return { name: name.slice(0, 63).replace(/[^A-Za-z0-9]+$/, ''), revision };
}
