// Nodes that stop reporting: marked Unknown, tainted, and their pods evicted when these no longer tolerate it.
import { isNotFound } from '#lib/kube/errors.ts';
import type { Lease } from '#lib/kube/lease.ts';
import { leases, nodes, pods } from '#lib/kube/refs.ts';
import { type Controller, type ControllerContext, enqueueSelf, toTime } from './controller.ts';
import type { Condition, Node, Pod, Taint } from './objects.ts';
import { findCondition, isPodTerminal } from './pod-state.ts';
import { tolerates } from './scheduling.ts';
import { canonicalJson } from './template-hash.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const LEASE_NAMESPACE = 'kube-node-lease';

export interface NodeLifecycleOptions {
  /** Silence after which a node counts as unreachable. @default 40,000 */
  readonly graceMs?: number | undefined;
  /** How often nodes are looked at. @default 5,000 */
  readonly periodMs?: number | undefined;
}

export function nodeLifecycleController(context: ControllerContext, options: NodeLifecycleOptions = {}): Controller {
  const { client, events, informers, now, signal } = context;
  const { graceMs = 40_000, periodMs = 5_000 } = options;
  const cache = informers.of<Node>(nodes);
  const leaseCache = informers.of<Lease>(leases);
  const podCache = informers.of<Pod>(pods);
  /** When we saw a sign of life last: the node's own clock is not trusted, nor the time before we started. */
  const heard = new Map<string, { sign: string; at: number }>();

  const podsOn = (node: Node): Pod[] =>
    podCache.list().filter((pod) => pod.spec.nodeName === node.metadata.name && !isPodTerminal(pod));

  return {
    name: 'node-lifecycle',
    watches: [nodes, leases, pods],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      podCache.subscribe({
        add: (pod) => pod.spec.nodeName && cache.get(pod.spec.nodeName)?.spec?.taints && enqueue(pod.spec.nodeName),
      });
    },
    reconcile: async (name) => {
      const node = cache.get(name);
      if (node === undefined) {
        heard.delete(name);
        return undefined;
      }
      const ready = findCondition(node.status?.conditions, 'Ready');
      const lease = leaseCache.get({ namespace: LEASE_NAMESPACE, name });
      const sign = `${ready?.status === 'Unknown' ? '' : ready?.lastHeartbeatTime}|${lease?.spec?.renewTime}`;
      if (heard.get(name)?.sign !== sign) heard.set(name, { sign, at: performance.now() });
      const silentMs = performance.now() - heard.get(name)!.at;
      // Without a lease nobody promised to report: such a node is what its condition says.
      if (lease && ready && ready.status !== 'Unknown' && silentMs >= graceMs) {
        await markUnknown(node);
        events.normal('node-controller', node, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
        return 1;
      }
      await taint(node, ready);
      const evictMs = await evict(node);
      return Math.min(periodMs, evictMs ?? periodMs);
    },
  };

  async function markUnknown(node: Node): Promise<void> {
    const time = toTime(now());
    const conditions = (node.status?.conditions ?? []).map((condition) => ({
      ...condition,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: time,
    }));
    await client.replaceStatus<Node>(nodes, { ...node, status: { ...node.status, conditions } }, { signal });
    for (const pod of podsOn(node)) await markNotReady(pod, time);
  }

  /** Endpoints leave a pod nobody can vouch for. */
  async function markNotReady(pod: Pod, time: string): Promise<void> {
    if (findCondition(pod.status?.conditions, 'Ready')?.status !== 'True') return;
    const condition = { type: 'Ready', status: 'False', reason: 'NodeNotReady', lastTransitionTime: time };
    const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    await client
      .patch(pods, pod.metadata, patch, { subresource: 'status', type: 'strategic', signal })
      .catch(ignoreNotFound);
  }

  async function taint(node: Node, ready: Condition | undefined): Promise<void> {
    const before = node.spec?.taints ?? [];
    const wanted = wantedTaints(ready, node.spec?.unschedulable === true);
    const managed = new Set([NOT_READY, UNREACHABLE, 'node.kubernetes.io/unschedulable']);
    const kept = before.filter((each) => !managed.has(each.key) || wanted.some((want) => isSame(want, each)));
    const added = wanted.filter((want) => !before.some((each) => isSame(want, each)));
    const taints = [
      ...kept,
      ...added.map((each) => (each.effect === 'NoExecute' ? { ...each, timeAdded: toTime(now()) } : each)),
    ];
    if (canonicalJson(taints) === canonicalJson(before)) return;
    const { resourceVersion } = node.metadata;
    const patch = { metadata: { resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } };
    await client.patch(nodes, node.metadata, patch, { signal });
  }

  /** Deletes pods that do not tolerate a NoExecute taint, or not this long. Returns when the next is due. */
  async function evict(node: Node): Promise<number | undefined> {
    const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
    let nextMs: number | undefined;
    if (taints.length === 0) return undefined;
    for (const pod of podsOn(node)) {
      if (pod.metadata.deletionTimestamp) continue;
      const leftMs = Math.min(...taints.map((each) => toleratedForMs(pod, each, now())));
      if (leftMs > 0) {
        if (Number.isFinite(leftMs)) nextMs = Math.min(nextMs ?? leftMs, leftMs);
        continue;
      }
      events.normal(
        'taint-eviction-controller',
        pod,
        'TaintManagerEviction',
        `Marking for deletion Pod ${pod.metadata.namespace}/${pod.metadata.name}`,
      );
      await client.delete(pods, pod.metadata, { uid: pod.metadata.uid, signal }).catch(ignoreNotFound);
    }
    return nextMs;
  }
}

const isSame = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;

export function wantedTaints(ready: Condition | undefined, unschedulable: boolean): Taint[] {
  const taints: Taint[] = unschedulable ? [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] : [];
  if (ready?.status === 'True') return taints;
  // A node that has not reported at all is only kept free of new pods.
  const key = ready?.status === 'Unknown' ? UNREACHABLE : NOT_READY;
  taints.push({ key, effect: 'NoSchedule' });
  if (ready !== undefined) taints.push({ key, effect: 'NoExecute' });
  return taints;
}

/** Milliseconds the pod may still stay; Infinity when it tolerates the taint for good. */
export function toleratedForMs(pod: Pod, taint: Taint, nowMs: number): number {
  const matching = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
  if (matching.length === 0) return 0;
  const seconds = matching.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
  if (seconds.length === 0) return Number.POSITIVE_INFINITY;
  const since = Date.parse(taint.timeAdded ?? '') || nowMs;
  return Math.max(0, since + Math.max(0, Math.min(...seconds)) * 1000 - nowMs);
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
