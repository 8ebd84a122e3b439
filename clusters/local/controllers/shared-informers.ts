// One informer per resource type for all controllers of the process, with an index of what each owner owns.
import type { KubeClient } from '#lib/kube/client.ts';
import { Informer } from '#lib/kube/informer.ts';
import { type KubeObject, keyOf, type ResourceRef } from '#lib/kube/object.ts';

export class SharedInformers {
  readonly #client: KubeClient;
  readonly #signal: AbortSignal;
  readonly #onError: (ref: ResourceRef, error: unknown) => void;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #owned = new Map<string, OwnerIndex<KubeObject>>();

  constructor(client: KubeClient, signal: AbortSignal, onError: (ref: ResourceRef, error: unknown) => void) {
    this.#client = client;
    this.#signal = signal;
    this.#onError = onError;
  }

  /** Made and started on first use. */
  of<T extends KubeObject>(ref: ResourceRef): Informer<T> {
    const id = `${ref.group}/${ref.version}/${ref.plural}`;
    let informer = this.#informers.get(id);
    if (informer === undefined) {
      informer = new Informer({ client: this.#client, ref, onError: (error) => this.#onError(ref, error) });
      this.#informers.set(id, informer);
      informer.start(this.#signal);
    }
    return informer as unknown as Informer<T>;
  }

  /** Objects of `ref` by the uid of their owners. */
  owned<T extends KubeObject>(ref: ResourceRef): OwnerIndex<T> {
    const id = `${ref.group}/${ref.version}/${ref.plural}`;
    let index = this.#owned.get(id);
    if (index === undefined) {
      index = new OwnerIndex(this.of(ref));
      this.#owned.set(id, index);
    }
    return index as unknown as OwnerIndex<T>;
  }
}

export class OwnerIndex<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #keys = new Map<string, Set<string>>();

  constructor(informer: Informer<T>) {
    this.#informer = informer;
    informer.subscribe({
      add: (object) => this.#change(object, (keys, key) => keys.add(key)),
      update: (object, old) => {
        this.#change(old, (keys, key) => keys.delete(key));
        this.#change(object, (keys, key) => keys.add(key));
      },
      delete: (object) => this.#change(object, (keys, key) => keys.delete(key)),
    });
  }

  of(ownerUid: string | undefined): T[] {
    const found: T[] = [];
    for (const key of this.#keys.get(ownerUid ?? '') ?? []) {
      const object = this.#informer.get(key);
      if (object) found.push(object);
    }
    return found;
  }

  #change(object: T, change: (keys: Set<string>, key: string) => void): void {
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const keys = this.#keys.get(uid) ?? new Set<string>();
      change(keys, keyOf(object.metadata));
      if (keys.size > 0) this.#keys.set(uid, keys);
      else this.#keys.delete(uid);
    }
  }
}
