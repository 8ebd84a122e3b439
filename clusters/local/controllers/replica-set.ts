// Keeps as many pods of a ReplicaSet alive as its spec says, and its status true.
import type { KubeObject } from '#lib/kube/object.ts';
import { pods, replicaSets } from '#lib/kube/refs.ts';
import { claim } from './claim.ts';
import { type Controller, type ControllerContext, enqueueOwner, enqueueSelf, toTime } from './controller.ts';
import type { Condition, Pod, ReplicaSet, ReplicaSetStatus } from './objects.ts';
import { PodControl, UNSETTLED_MS } from './pod-control.ts';
import { podFromTemplate } from './pod-factory.ts';
import {
  availableInMs,
  compareForDeletion,
  findCondition,
  isPodActive,
  isPodAvailable,
  isPodReady,
} from './pod-state.ts';
import { matchesSelector } from './selector.ts';
import { canonicalJson } from './template-hash.ts';

/** Pods made or removed in one pass; the next pass goes on. */
const BURST = 500;

export function replicaSetController(context: ControllerContext): Controller {
  const { client, informers, now, signal } = context;
  const sets = informers.of<ReplicaSet>(replicaSets);
  const podCache = informers.of<Pod>(pods);
  const control = new PodControl(context, 'replicaset-controller');
  return {
    name: 'replicaset',
    watches: [replicaSets, pods],
    wire: (enqueue) => {
      enqueueSelf(sets, enqueue);
      enqueueOwner(podCache, 'ReplicaSet', enqueue);
      enqueueOrphans(context, enqueue);
    },
    reconcile: async (key) => {
      const set = sets.get(key);
      if (set === undefined) return undefined;
      if (!control.settled(set)) return UNSETTLED_MS;
      const all = podCache.list(set.metadata.namespace);
      const { selector } = set.spec;
      const claimed = await claim(context, { owner: set, ownerRef: replicaSets, ref: pods, selector, all });
      const active = claimed.filter(isPodActive);
      let failure: unknown;
      if (!set.metadata.deletionTimestamp) {
        failure = await manage(control, set, active).catch((error: unknown) => error);
      }
      const status = toStatus(set, active, failure, now());
      if (canonicalJson(status) !== canonicalJson(set.status)) {
        await client.replaceStatus<ReplicaSet>(replicaSets, { ...set, status }, { signal });
      }
      if (failure) throw failure;
      const waits = active
        .filter(isPodReady)
        .map((pod) => availableInMs(pod, set.spec.minReadySeconds ?? 0, now()))
        .filter((ms) => ms > 0);
      return waits.length > 0 ? Math.min(...waits) : undefined;
    },
  };
}

/** A pod without controller that a ReplicaSet selects is looked at by that ReplicaSet. */
function enqueueOrphans(context: ControllerContext, enqueue: (key: string) => void): void {
  const sets = context.informers.of<ReplicaSet>(replicaSets);
  const look = (pod: Pod): void => {
    if (pod.metadata.ownerReferences?.some((owner) => owner.controller)) return;
    for (const set of sets.list(pod.metadata.namespace)) {
      if (matchesSelector(set.spec.selector, pod.metadata.labels))
        enqueue(`${set.metadata.namespace}/${set.metadata.name}`);
    }
  };
  context.informers.of<Pod>(pods).subscribe({ add: look, update: look });
}

async function manage(control: PodControl, set: ReplicaSet, active: readonly Pod[]): Promise<void> {
  const missing = (set.spec.replicas ?? 1) - active.length;
  if (missing > 0) {
    const wanted = Array.from({ length: Math.min(missing, BURST) }, () =>
      podFromTemplate({ owner: set as KubeObject, template: set.spec.template }),
    );
    await control.createAll(set, wanted);
  } else if (missing < 0) {
    const unwanted = [...active].sort(compareForDeletion).slice(0, Math.min(-missing, BURST));
    await control.deleteAll(set, unwanted);
  }
}

/** Status as seen before this pass wrote anything. */
export function toStatus(set: ReplicaSet, active: readonly Pod[], failure: unknown, nowMs: number): ReplicaSetStatus {
  const templateLabels = Object.entries(set.spec.template.metadata?.labels ?? {});
  const labelled = active.filter((pod) => templateLabels.every(([key, value]) => pod.metadata.labels?.[key] === value));
  const conditions = (set.status?.conditions ?? []).filter((condition) => condition.type !== 'ReplicaFailure');
  if (failure) {
    const known = findCondition(set.status?.conditions, 'ReplicaFailure');
    const reason = active.length < (set.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete';
    const message = (failure as Error).message;
    const condition: Condition = { type: 'ReplicaFailure', status: 'True', reason, message };
    condition.lastTransitionTime = known?.reason === reason ? known.lastTransitionTime : toTime(nowMs);
    conditions.push(condition);
  }
  return {
    replicas: active.length,
    fullyLabeledReplicas: labelled.length || undefined,
    readyReplicas: active.filter(isPodReady).length || undefined,
    availableReplicas:
      active.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length || undefined,
    observedGeneration: set.metadata.generation,
    conditions: conditions.length > 0 ? conditions : undefined,
  };
}
