// Pods that no node will ever finish: bound to a node that is gone, or deleted before they were bound.
import { isNotFound } from '#lib/kube/errors.ts';
import { keyOf } from '#lib/kube/object.ts';
import { nodes, pods } from '#lib/kube/refs.ts';
import type { Controller, ControllerContext } from './controller.ts';
import type { Node, Pod } from './objects.ts';

/** A node that restarts with a new object gets this long before its pods are given up. */
const QUARANTINE_MS = 2_000;

export function podGarbageController(context: ControllerContext, quarantineMs = QUARANTINE_MS): Controller {
  const { client, informers, signal } = context;
  const podCache = informers.of<Pod>(pods);
  const nodeCache = informers.of<Node>(nodes);
  const missingSince = new Map<string, number>();
  return {
    name: 'pod-garbage',
    watches: [pods, nodes],
    wire: (enqueue) => {
      const look = (pod: Pod): void => {
        const unbound = !pod.spec.nodeName && pod.metadata.deletionTimestamp;
        if (unbound || (pod.spec.nodeName && !nodeCache.get(pod.spec.nodeName))) enqueue(keyOf(pod.metadata));
      };
      podCache.subscribe({ add: look, update: look });
      nodeCache.subscribe({
        add: (node) => missingSince.delete(node.metadata.name),
        delete: (node) => {
          for (const pod of podCache.list()) if (pod.spec.nodeName === node.metadata.name) enqueue(keyOf(pod.metadata));
        },
      });
    },
    reconcile: async (key) => {
      const pod = podCache.get(key);
      if (pod === undefined) return undefined;
      const node = pod.spec.nodeName;
      if (node) {
        if (nodeCache.get(node)) return undefined;
        const since = missingSince.get(node) ?? performance.now();
        missingSince.set(node, since);
        const leftMs = since + quarantineMs - performance.now();
        if (leftMs > 0) return leftMs;
        if (await client.tryGet(nodes, { name: node }, { signal })) return undefined;
      } else if (!pod.metadata.deletionTimestamp) {
        return undefined;
      }
      const { uid } = pod.metadata;
      await client.delete(pods, pod.metadata, { uid, gracePeriodSeconds: 0, signal }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
      return undefined;
    },
  };
}
