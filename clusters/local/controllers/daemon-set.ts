// One pod per fitting node; rolling updates node by node within maxUnavailable or maxSurge.
import type { KubeObject } from '#lib/kube/object.ts';
import { controllerRevisions, daemonSets, nodes, pods } from '#lib/kube/refs.ts';
import { claim } from './claim.ts';
import { type Controller, type ControllerContext, enqueueOwner, enqueueSelf } from './controller.ts';
import type { ControllerRevision, DaemonSet, DaemonSetStatus, Node, Pod, Toleration } from './objects.ts';
import { PodControl, UNSETTLED_MS } from './pod-control.ts';
import { podFromTemplate } from './pod-factory.ts';
import { isPodActive, isPodAvailable, isPodReady, isPodTerminal } from './pod-state.ts';
import { HASH_LABEL, pruneHistory, syncHistory } from './revision-history.ts';
import { resolveIntOrPercent } from './rollout.ts';
import { isTolerated, matchesNode } from './scheduling.ts';
import { canonicalJson } from './template-hash.ts';

/** What every daemon tolerates, so that it runs where nothing else may. */
const TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const NETWORK: Toleration = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' };

export function daemonSetController(context: ControllerContext): Controller {
  const { client, informers, now, signal } = context;
  const cache = informers.of<DaemonSet>(daemonSets);
  const podCache = informers.of<Pod>(pods);
  const nodeCache = informers.of<Node>(nodes);
  const revisions = informers.owned<ControllerRevision>(controllerRevisions);
  const control = new PodControl(context, 'daemonset-controller');
  return {
    name: 'daemonset',
    watches: [daemonSets, pods, nodes, controllerRevisions],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      enqueueOwner(podCache, 'DaemonSet', enqueue);
      const all = (): void => {
        for (const { metadata } of cache.list()) enqueue(`${metadata.namespace}/${metadata.name}`);
      };
      const placement = (node: Node): string =>
        canonicalJson([node.metadata.labels, node.spec?.taints, node.spec?.unschedulable]);
      nodeCache.subscribe({
        add: all,
        delete: all,
        update: (node, old) => placement(node) !== placement(old) && all(),
      });
    },
    reconcile: async (key) => {
      const set = cache.get(key);
      if (set === undefined) return undefined;
      if (!control.settled(set)) return UNSETTLED_MS;
      const { selector } = set.spec;
      const all = podCache.list(set.metadata.namespace);
      const claimed = await claim(context, { owner: set, ownerRef: daemonSets, ref: pods, selector, all });
      if (set.metadata.deletionTimestamp) return undefined;
      const history = await syncHistory(context, set, revisions.of(set.metadata.uid));
      const plan = planDaemonSet(set, history.hash, claimed, nodeCache.list(), now());
      await control.deleteAll(set, plan.remove);
      await control.createAll(set, plan.create);
      if (canonicalJson(plan.status) !== canonicalJson(set.status)) {
        await client.replaceStatus<DaemonSet>(daemonSets, { ...set, status: plan.status }, { signal });
      }
      const inUse = new Set(claimed.map((pod) => pod.metadata.labels?.[HASH_LABEL] ?? ''));
      await pruneHistory(context, history, inUse, set.spec.revisionHistoryLimit ?? 10);
      return set.spec.minReadySeconds && plan.status.numberUnavailable ? 1_000 : undefined;
    },
  };
}

export interface DaemonSetPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  readonly status: DaemonSetStatus;
}

/** What to do on each node now, pure. */
export function planDaemonSet(
  set: DaemonSet,
  hash: string,
  claimed: readonly Pod[],
  allNodes: readonly Node[],
  nowMs: number,
): DaemonSetPlan {
  const live = allNodes.filter(({ metadata }) => !metadata.deletionTimestamp);
  const byNode = new Map<string, Pod[]>();
  for (const pod of claimed) {
    const node = pod.spec.nodeName || targetOf(pod);
    byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  }
  const available = (pod: Pod): boolean => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  const isUpdated = (pod: Pod): boolean => pod.metadata.labels?.[HASH_LABEL] === hash;
  const create: Pod[] = [];
  const remove: Pod[] = [];
  const wanted: { node: string; pods: Pod[] }[] = [];
  let misscheduled = 0;
  for (const node of live) {
    const here = byNode.get(node.metadata.name) ?? [];
    const sample = daemonPod(set, hash, node.metadata.name);
    const runs = mayRun(sample, node, 'NoExecute');
    if (!mayRun(sample, node, 'NoSchedule') && !(runs && here.length > 0)) {
      if (here.length > 0) misscheduled++;
      if (!runs) remove.push(...here.filter(isPodActive));
      continue;
    }
    wanted.push({ node: node.metadata.name, pods: here });
    remove.push(...here.filter((pod) => pod.status?.phase === 'Failed' && !pod.metadata.deletionTimestamp));
    if (here.every((pod) => isPodTerminal(pod) && !pod.metadata.deletionTimestamp)) create.push(sample);
  }
  if ((set.spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate') {
    rollingUpdate(set, hash, wanted, { available, isUpdated, create, remove });
  }
  const newest = (list: readonly Pod[]): Pod | undefined =>
    [...list]
      .filter(isPodActive)
      .sort((a, b) => Number(isUpdated(b)) - Number(isUpdated(a)) || Number(isPodReady(b)) - Number(isPodReady(a)))[0];
  const current = wanted.map(({ pods: list }) => newest(list));
  const numberAvailable = wanted.filter(({ pods: list }) =>
    list.some((pod) => isPodActive(pod) && available(pod)),
  ).length;
  const status: DaemonSetStatus = {
    currentNumberScheduled: current.filter((pod) => pod !== undefined).length,
    desiredNumberScheduled: wanted.length,
    numberMisscheduled: misscheduled,
    numberReady: wanted.filter(({ pods: list }) => list.some((pod) => isPodActive(pod) && isPodReady(pod))).length,
    numberAvailable: numberAvailable || undefined,
    numberUnavailable: wanted.length - numberAvailable || undefined,
    updatedNumberScheduled: current.filter((pod) => pod && isUpdated(pod)).length || undefined,
    observedGeneration: set.metadata.generation,
    collisionCount: set.status?.collisionCount,
  };
  return { create, remove, status };
}

interface Rolling {
  available: (pod: Pod) => boolean;
  isUpdated: (pod: Pod) => boolean;
  create: Pod[];
  remove: Pod[];
}

function rollingUpdate(
  set: DaemonSet,
  hash: string,
  wanted: readonly { node: string; pods: Pod[] }[],
  rolling: Rolling,
): void {
  const { available, isUpdated, create, remove } = rolling;
  const total = wanted.length;
  const rules = set.spec.updateStrategy?.rollingUpdate;
  const maxSurge = resolveIntOrPercent(rules?.maxSurge, total, 'up');
  const maxUnavailable = maxSurge > 0 ? 0 : Math.max(1, resolveIntOrPercent(rules?.maxUnavailable ?? 1, total, 'up'));
  const state = wanted.map(({ node, pods: list }) => {
    const active = list.filter((pod) => isPodActive(pod) && !remove.includes(pod));
    return {
      node,
      old: active.filter((pod) => !isUpdated(pod)),
      fresh: active.filter(isUpdated),
      leaving: list.length > active.length,
    };
  });
  if (maxSurge > 0) {
    let surging = state.filter(({ old, fresh }) => old.length > 0 && fresh.length > 0 && !fresh.some(available)).length;
    for (const { node, old, fresh } of state) {
      if (old.length === 0) continue;
      if (fresh.some(available)) remove.push(...old);
      else if (fresh.length === 0 && (surging < maxSurge || !old.some(available))) {
        surging++;
        create.push(daemonPod(set, hash, node));
      }
    }
    return;
  }
  let unavailable = state.filter(({ old, fresh }) => ![...old, ...fresh].some(available)).length;
  // Old pods that serve nobody go at once; of those that do, as many as the budget has left.
  for (const { old } of state) {
    const broken = old.filter((pod) => !available(pod));
    remove.push(...broken);
  }
  for (const { old } of state) {
    const serving = old.filter(available);
    if (serving.length === 0 || unavailable >= maxUnavailable) continue;
    remove.push(...serving);
    unavailable++;
  }
}

/** `effect` NoSchedule asks whether a new pod may come, NoExecute whether one that is there may stay. */
function mayRun(pod: Pod, node: Node, effect: 'NoSchedule' | 'NoExecute'): boolean {
  if (!matchesNode(pod, node)) return false;
  return (node.spec?.taints ?? [])
    .filter((taint) => (effect === 'NoSchedule' ? taint.effect !== 'PreferNoSchedule' : taint.effect === 'NoExecute'))
    .every((taint) => isTolerated(pod.spec.tolerations, taint));
}

/** The pod of one node: pinned to it by affinity, bound by the scheduler like any other. */
function daemonPod(set: DaemonSet, hash: string, node: string): Pod {
  const labels = { [HASH_LABEL]: hash };
  const pod = podFromTemplate({ owner: set as KubeObject, template: set.spec.template, labels });
  const term = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] };
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const nodeSelectorTerms = (required?.nodeSelectorTerms ?? [{}]).map((each) => ({ ...each, ...term }));
  const nodeAffinity = {
    ...pod.spec.affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
  };
  const extra = pod.spec.hostNetwork ? [...TOLERATIONS, NETWORK] : TOLERATIONS;
  const tolerations = [...(pod.spec.tolerations ?? []), ...extra];
  return { ...pod, spec: { ...pod.spec, affinity: { ...pod.spec.affinity, nodeAffinity }, tolerations } };
}

function targetOf(pod: Pod): string {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = (required?.nodeSelectorTerms ?? []).flatMap(({ matchFields = [] }) => matchFields);
  return fields.find(({ key }) => key === 'metadata.name')?.values?.[0] ?? '';
}
