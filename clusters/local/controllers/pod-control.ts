// Creates and deletes the pods of one owner: in growing batches, remembered until the cache shows them, with events.
import { isNotFound } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { pods } from '#lib/kube/refs.ts';
import type { ControllerContext } from './controller.ts';
import type { Pod } from './objects.ts';
import { PendingWrites } from './pending-writes.ts';

/** How soon to look again while the cache lags behind our own writes, beside the events that do it sooner. */
export const UNSETTLED_MS = 100;

export class PodControl {
  readonly #context: ControllerContext;
  readonly #component: string;
  readonly #pending: PendingWrites<Pod>;

  constructor(context: ControllerContext, component: string) {
    this.#context = context;
    this.#component = component;
    this.#pending = new PendingWrites(context.informers.of<Pod>(pods));
  }

  settled(owner: KubeObject): boolean {
    return this.#pending.settled(owner.metadata.uid ?? '');
  }

  /** Batches of 1, 2, 4, ... so that a pod that is always refused is refused once, not a hundred times. */
  async createAll(owner: KubeObject, wanted: readonly Pod[]): Promise<void> {
    for (let done = 0, size = 1; done < wanted.length; done += size, size *= 2) {
      const batch = wanted.slice(done, done + size);
      const results = await Promise.allSettled(batch.map((pod) => this.#create(owner, pod)));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    }
  }

  async #create(owner: KubeObject, pod: Pod): Promise<void> {
    const { client, events, signal } = this.#context;
    try {
      const created = await client.create(pods, pod, { signal });
      this.#pending.wrote(owner.metadata.uid ?? '', created);
      events.normal(this.#component, owner, 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
    } catch (error) {
      if (!signal.aborted) {
        events.warning(this.#component, owner, 'FailedCreate', `Error creating: ${(error as Error).message}`);
      }
      throw error;
    }
  }

  async deleteAll(owner: KubeObject, unwanted: readonly Pod[]): Promise<void> {
    const results = await Promise.allSettled(unwanted.map((pod) => this.#delete(owner, pod)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #delete(owner: KubeObject, pod: Pod): Promise<void> {
    const { client, events, signal } = this.#context;
    try {
      await client.delete(pods, pod.metadata, { uid: pod.metadata.uid, signal });
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    this.#pending.deleted(owner.metadata.uid ?? '', pod);
    events.normal(this.#component, owner, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
  }
}
