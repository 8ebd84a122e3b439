// What a controller has written but its cache does not show yet: it must not act on the old picture again.
// Unlike counted expectations this never waits for an event: it compares with the cache, so nothing can be missed.
import type { Informer } from '#lib/kube/informer.ts';
import { type KubeObject, keyOf } from '#lib/kube/object.ts';

interface Pending {
  readonly written: Map<string, { key: string; resourceVersion: string }>;
  readonly deleted: Map<string, string>;
}

export class PendingWrites<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #owners = new Map<string, Pending>();

  constructor(informer: Informer<T>) {
    this.#informer = informer;
  }

  /** The API server's answer to a create or an update. */
  wrote(ownerUid: string, object: T): void {
    const { uid = '', resourceVersion = '' } = object.metadata;
    this.#of(ownerUid).written.set(uid, { key: keyOf(object.metadata), resourceVersion });
  }

  deleted(ownerUid: string, object: T): void {
    this.#of(ownerUid).deleted.set(object.metadata.uid ?? '', keyOf(object.metadata));
  }

  /** True once the cache has caught up with every write of this owner. */
  settled(ownerUid: string): boolean {
    const pending = this.#owners.get(ownerUid);
    if (pending === undefined) return true;
    for (const { key, resourceVersion } of pending.written.values()) {
      const cached = this.#informer.get(key)?.metadata.resourceVersion ?? '';
      if (!reached(cached, resourceVersion) && !reached(this.#informer.resourceVersion, resourceVersion)) return false;
    }
    for (const [uid, key] of pending.deleted) {
      const cached = this.#informer.get(key)?.metadata;
      if (cached?.uid === uid && cached.deletionTimestamp === undefined) return false;
    }
    this.#owners.delete(ownerUid);
    return true;
  }

  forget(ownerUid: string): void {
    this.#owners.delete(ownerUid);
  }

  #of(ownerUid: string): Pending {
    let pending = this.#owners.get(ownerUid);
    if (pending === undefined) {
      pending = { written: new Map(), deleted: new Map() };
      this.#owners.set(ownerUid, pending);
    }
    return pending;
  }
}

/** Resource versions are decimal numbers that only grow. */
function reached(current: string, wanted: string): boolean {
  return current.length !== wanted.length ? current.length > wanted.length : current >= wanted;
}
