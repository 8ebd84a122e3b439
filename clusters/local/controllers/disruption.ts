// PodDisruptionBudget status: how many pods an eviction may still take.
import { controllerOf, keyOf } from '#lib/kube/object.ts';
import { deployments, podDisruptionBudgets, pods, replicaSets, statefulSets } from '#lib/kube/refs.ts';
import { type Controller, type ControllerContext, enqueueSelf, toTime } from './controller.ts';
import type { Condition, Pod, PodDisruptionBudget, ReplicaSet, StatefulSet } from './objects.ts';
import { findCondition, isPodActive, isPodReady } from './pod-state.ts';
import { resolveIntOrPercent } from './rollout.ts';
import { matchesSelector } from './selector.ts';
import { canonicalJson } from './template-hash.ts';

/** An eviction that was granted but whose pod is still there is forgotten after this. */
const GRANTED_MS = 120_000;

export function disruptionController(context: ControllerContext): Controller {
  const { client, informers, now, signal } = context;
  const cache = informers.of<PodDisruptionBudget>(podDisruptionBudgets);
  const podCache = informers.of<Pod>(pods);
  const sets = informers.of<ReplicaSet>(replicaSets);
  const stateful = informers.of<StatefulSet>(statefulSets);
  const ofPod = (pod: Pod): PodDisruptionBudget[] =>
    cache.list(pod.metadata.namespace).filter(({ spec }) => matchesSelector(spec.selector, pod.metadata.labels));

  /** Pods that the owners of the selected ones mean to have: the total that percentages are of. */
  function expectedOf(selected: readonly Pod[]): number {
    const owners = new Map<string, number>();
    let alone = 0;
    for (const pod of selected) {
      const owner = controllerOf(pod);
      const key = { namespace: pod.metadata.namespace, name: owner?.name ?? '' };
      const set =
        owner?.kind === 'ReplicaSet' ? sets.get(key) : owner?.kind === 'StatefulSet' ? stateful.get(key) : undefined;
      if (set === undefined) {
        alone++;
        continue;
      }
      const deployment = owner?.kind === 'ReplicaSet' ? controllerOf(set) : undefined;
      const desired = deployment
        ? informers.of<ReplicaSet>(deployments).get({ ...key, name: deployment.name })
        : undefined;
      owners.set(deployment?.uid ?? owner!.uid, desired?.spec.replicas ?? set.spec.replicas ?? 1);
    }
    return alone + [...owners.values()].reduce((sum, count) => sum + count, 0);
  }

  return {
    name: 'disruption',
    watches: [podDisruptionBudgets, pods, replicaSets, statefulSets, deployments],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      const look = (pod: Pod): void => {
        for (const budget of ofPod(pod)) enqueue(keyOf(budget.metadata));
      };
      podCache.subscribe({ add: look, update: look, delete: look });
      const all = ({ metadata }: { metadata: { namespace?: string | undefined } }): void => {
        for (const budget of cache.list(metadata.namespace)) enqueue(keyOf(budget.metadata));
      };
      for (const ref of [deployments, statefulSets, replicaSets])
        informers.of(ref).subscribe({ update: all, delete: all });
    },
    reconcile: async (key) => {
      const budget = cache.get(key);
      if (budget === undefined || budget.metadata.deletionTimestamp) return undefined;
      const selected = podCache
        .list(budget.metadata.namespace)
        .filter((pod) => matchesSelector(budget.spec.selector, pod.metadata.labels) && isPodActive(pod));
      const status = toBudgetStatus(budget, selected, expectedOf(selected), now());
      if (canonicalJson(status) !== canonicalJson(budget.status)) {
        await client.replaceStatus<PodDisruptionBudget>(podDisruptionBudgets, { ...budget, status }, { signal });
      }
      return status.disruptedPods ? GRANTED_MS : undefined;
    },
  };
}

/** Pure. Pods whose eviction was granted count as gone until they are, or until the grant is forgotten. */
export function toBudgetStatus(
  budget: PodDisruptionBudget,
  selected: readonly Pod[],
  expected: number,
  nowMs: number,
): NonNullable<PodDisruptionBudget['status']> {
  const granted = Object.entries(budget.status?.disruptedPods ?? {}).filter(
    ([name, time]) => selected.some((pod) => pod.metadata.name === name) && nowMs - Date.parse(time) < GRANTED_MS,
  );
  const leaving = new Set(granted.map(([name]) => name));
  const currentHealthy = selected.filter((pod) => isPodReady(pod) && !leaving.has(pod.metadata.name)).length;
  const { minAvailable, maxUnavailable } = budget.spec;
  const isPercent = typeof minAvailable === 'string';
  const expectedPods = minAvailable !== undefined && !isPercent ? selected.length : expected;
  const desiredHealthy =
    maxUnavailable !== undefined
      ? Math.max(0, expectedPods - resolveIntOrPercent(maxUnavailable, expectedPods, 'up'))
      : resolveIntOrPercent(minAvailable ?? 1, expectedPods, 'up');
  const disruptionsAllowed = expectedPods === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const allowed = disruptionsAllowed > 0;
  const known = findCondition(budget.status?.conditions, 'DisruptionAllowed');
  const condition: Condition = {
    type: 'DisruptionAllowed',
    status: allowed ? 'True' : 'False',
    reason: allowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    observedGeneration: budget.metadata.generation,
    lastTransitionTime: known?.status === (allowed ? 'True' : 'False') ? known.lastTransitionTime : toTime(nowMs),
  };
  return {
    observedGeneration: budget.metadata.generation,
    currentHealthy,
    desiredHealthy,
    disruptionsAllowed,
    expectedPods,
    disruptedPods: granted.length > 0 ? Object.fromEntries(granted) : undefined,
    conditions: [condition],
  };
}
