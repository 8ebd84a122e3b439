// Binds pods without a node, one at a time; says on the pod and in an event why one cannot be placed.
import { isConflict, isNotFound } from '#lib/kube/errors.ts';
import { keyOf } from '#lib/kube/object.ts';
import { namespaces, nodes, pods } from '#lib/kube/refs.ts';
import { type Controller, type ControllerContext, toTime } from './controller.ts';
import type { Condition, Node, Pod } from './objects.ts';
import { findCondition, isPodTerminal } from './pod-state.ts';
import { schedule } from './scheduling.ts';
import { canonicalJson } from './template-hash.ts';

const SCHEDULER = 'default-scheduler';
/** An unschedulable pod is looked at again at least this often, beside every change of nodes and pods. */
const RETRY_MS = 10_000;

export function schedulerController(context: ControllerContext): Controller {
  const { client, events, informers, signal, now } = context;
  const podCache = informers.of<Pod>(pods);
  const nodeCache = informers.of<Node>(nodes);
  const namespaceCache = informers.of(namespaces);
  /** Pods bound here that the cache still shows without a node. */
  const assumed = new Map<string, { uid: string | undefined; node: string }>();
  const unplaced = new Set<string>();

  const isOurs = (pod: Pod): boolean =>
    !pod.spec.nodeName &&
    (pod.spec.schedulerName ?? SCHEDULER) === SCHEDULER &&
    !pod.metadata.deletionTimestamp &&
    !isPodTerminal(pod);

  function allPods(): Pod[] {
    return podCache.list().map((pod) => {
      const bound = assumed.get(keyOf(pod.metadata));
      if (bound === undefined || pod.spec.nodeName || bound.uid !== pod.metadata.uid) return pod;
      return { ...pod, spec: { ...pod.spec, nodeName: bound.node } };
    });
  }

  return {
    name: 'scheduler',
    workers: 1,
    watches: [pods, nodes, namespaces],
    wire: (enqueue) => {
      const retry = (): void => {
        for (const key of unplaced) enqueue(key);
      };
      const look = (pod: Pod): void => {
        const key = keyOf(pod.metadata);
        if (isOurs(pod)) enqueue(key);
        else {
          unplaced.delete(key);
          assumed.delete(key);
        }
      };
      podCache.subscribe({
        add: look,
        update: (pod, old) => {
          look(pod);
          const leaves = isPodTerminal(pod) && !isPodTerminal(old);
          if (leaves || canonicalJson(pod.metadata.labels) !== canonicalJson(old.metadata.labels)) retry();
        },
        delete: (pod) => {
          const key = keyOf(pod.metadata);
          unplaced.delete(key);
          assumed.delete(key);
          retry();
        },
      });
      const placement = (node: Node): string =>
        canonicalJson([node.spec, node.metadata.labels, node.status?.allocatable]);
      nodeCache.subscribe({
        add: retry,
        update: (node, old) => placement(node) !== placement(old) && retry(),
        delete: retry,
      });
    },
    reconcile: async (key) => {
      const pod = podCache.get(key);
      if (!pod || !isOurs(pod) || assumed.get(key)?.uid === pod.metadata.uid) return undefined;
      if (pod.spec.schedulingGates?.length) return undefined;
      const view = {
        nodes: nodeCache.list().filter((node) => !node.metadata.deletionTimestamp),
        pods: allPods(),
        namespaces: new Map(namespaceCache.list().map((namespace) => [namespace.metadata.name, namespace])),
      };
      const decision = schedule(pod, view);
      if ('node' in decision) {
        await bind(pod, decision.node);
        unplaced.delete(key);
        return undefined;
      }
      unplaced.add(key);
      events.warning(SCHEDULER, pod, 'FailedScheduling', decision.message);
      await report(pod, decision.message);
      return RETRY_MS;
    },
  };

  async function bind(pod: Pod, node: string): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    try {
      await client.create(pods, binding, { subresource: 'binding', signal });
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return; // Gone, or bound by somebody else.
      throw error;
    }
    const key = keyOf(pod.metadata);
    if (podCache.get(key)?.metadata.uid === uid && !podCache.get(key)?.spec.nodeName) assumed.set(key, { uid, node });
    events.normal(SCHEDULER, pod, 'Scheduled', `Successfully assigned ${key} to ${node}`);
  }

  async function report(pod: Pod, message: string): Promise<void> {
    const known = findCondition(pod.status?.conditions, 'PodScheduled');
    if (known?.status === 'False' && known.message === message) return;
    const lastTransitionTime = known?.status === 'False' ? known.lastTransitionTime : toTime(now());
    const condition: Condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime,
    };
    const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    await client
      .patch(pods, pod.metadata, patch, { subresource: 'status', type: 'strategic', signal })
      .catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      });
  }
}
