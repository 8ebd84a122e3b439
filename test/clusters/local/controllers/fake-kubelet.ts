// Plays the node for controller tests: pods bound to its nodes become Ready, finish or fail as their annotation
// `test/outcome` says, and go when they are deleted.
import type { KubeClient } from '#lib/kube/client.ts';
import { isConflict, isNotFound } from '#lib/kube/errors.ts';
import { Informer } from '#lib/kube/informer.ts';
import { nodes, pods } from '#lib/kube/refs.ts';
import type { Node, Pod } from '../../../../clusters/local/controllers/objects.ts';

export const OUTCOME = 'test/outcome';

export class FakeKubelet {
  readonly #client: KubeClient;
  readonly #signal: AbortSignal;
  readonly #nodes = new Set<string>();
  readonly #queues = new Map<string, Promise<void>>();
  #addresses = 0;

  constructor(client: KubeClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
    const informer = new Informer<Pod>({ client, ref: pods });
    const look = (pod: Pod): void => {
      const uid = pod.metadata.uid!;
      this.#queues.set(
        uid,
        (this.#queues.get(uid) ?? Promise.resolve()).then(() => this.#sync(pod)),
      );
    };
    informer.subscribe({ add: look, update: look, delete: (pod) => this.#queues.delete(pod.metadata.uid!) });
    informer.start(signal);
  }

  /** Registers a Ready node. */
  async addNode(name: string, labels: Record<string, string> = {}): Promise<void> {
    this.#nodes.add(name);
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    };
    await this.#client.create(nodes, node, { signal: this.#signal });
    const time = new Date().toISOString().replace(/\.\d+/, '');
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'KubeletReady',
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    };
    const capacity = { cpu: '8', memory: '16Gi', pods: '110' };
    const status = { conditions: [ready], capacity, allocatable: capacity };
    await this.#client.patch(nodes, { name }, { status }, { subresource: 'status', signal: this.#signal });
    // A real API server's admission keeps pods off new nodes until a controller clears them.
    await this.#client.patch(nodes, { name }, { spec: { taints: null } }, { signal: this.#signal });
  }

  /** Does nothing about its pods any more. */
  fallSilent(name: string): void {
    this.#nodes.delete(name);
  }

  async #sync(pod: Pod): Promise<void> {
    try {
      if (!this.#nodes.has(pod.spec.nodeName ?? '')) return;
      const { uid } = pod.metadata;
      if (pod.metadata.deletionTimestamp) {
        await this.#client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, uid, signal: this.#signal });
        return;
      }
      const status = this.#statusOf(pod);
      if (status === undefined) return;
      const patch = { metadata: { uid }, status };
      await this.#client.patch(pods, pod.metadata, patch, { subresource: 'status', signal: this.#signal });
    } catch (error) {
      if (!this.#signal.aborted && !isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #statusOf(pod: Pod): Pod['status'] {
    const outcome = pod.metadata.annotations?.[OUTCOME] ?? 'ready';
    const phase = { ready: 'Running', unready: 'Running', succeed: 'Succeeded', fail: 'Failed' }[outcome];
    const ready = outcome === 'ready' ? 'True' : 'False';
    const known = pod.status?.conditions?.find(({ type }) => type === 'Ready');
    if (phase === undefined || (pod.status?.phase === phase && known?.status === ready)) return undefined;
    const time = new Date().toISOString().replace(/\.\d+/, '');
    const podIP = pod.status?.podIP ?? `10.244.0.${(this.#addresses++ % 250) + 2}`;
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'Ready');
    const conditions = [...others, { type: 'Ready', status: ready, lastTransitionTime: time }];
    return { phase, podIP, podIPs: [{ ip: podIP }], startTime: time, conditions };
  }
}
