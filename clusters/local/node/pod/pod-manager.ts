// The pods that are bound to this node -> their workers. Pods of a former run whose objects are gone are removed.
import type { Informer } from '#lib/kube/index.ts';
import type { Pod } from '../pod-types.ts';
import type { NodeServices } from './node-services.ts';
import { PodWorker } from './worker.ts';

export class PodManager {
  readonly #workers = new Map<string, PodWorker>();
  readonly #services: NodeServices;
  #stopped = false;

  constructor(services: NodeServices) {
    this.#services = services;
  }

  /** Follows the pods until the node stops. */
  async start(pods: Informer<Pod>): Promise<void> {
    pods.subscribe({
      add: (pod) => this.#seen(pod),
      update: (pod) => this.#seen(pod),
      delete: (pod) => this.#workers.get(pod.metadata.uid ?? '')?.remove(),
    });
    await pods.synced;
    const known = new Set(pods.list().map((it) => it.metadata.uid));
    for (const uid of this.#services.runtime.sandboxes()) {
      if (known.has(uid) || this.#workers.has(uid)) continue;
      this.#services.log(`pod ${uid} is not in the API any more: its processes end`);
      await this.#services.runtime.adopt(uid).catch(() => []);
      await this.#services.runtime
        .removeSandbox(uid)
        .catch((error: Error) => this.#services.log(`pod ${uid}: ${error.message}`));
    }
  }

  #seen(pod: Pod): void {
    if (this.#stopped) return;
    const uid = pod.metadata.uid ?? '';
    const worker = this.#workers.get(uid);
    if (worker) {
      worker.update(pod);
      return;
    }
    const made = new PodWorker(pod, this.#services, () => {
      if (this.#workers.get(uid) === made) this.#workers.delete(uid);
    });
    this.#workers.set(uid, made);
    made.wake();
  }

  find(namespace: string, name: string): PodWorker | undefined {
    for (const worker of this.#workers.values())
      if (worker.pod.metadata.name === name && worker.pod.metadata.namespace === namespace) return worker;
    return undefined;
  }

  get size(): number {
    return this.#workers.size;
  }

  /** Leaves the processes running, to be adopted by the next node process. */
  detach(): void {
    this.#stopped = true;
    for (const worker of this.#workers.values()) worker.detach();
  }

  /** Ends every pod of this node without touching its object: the cluster is being taken down. */
  async killAll(): Promise<void> {
    this.detach();
    await Promise.all(
      this.#services.runtime
        .sandboxes()
        .map((uid) =>
          this.#services.runtime
            .removeSandbox(uid)
            .catch((error: Error) => this.#services.log(`pod ${uid}: ${error.message}`)),
        ),
    );
  }
}
