// Every event of one resource type from a known version on: started before a change, drained by a marker after it.
import type { KubeClient } from '#lib/kube/client.ts';
import { Informer } from '#lib/kube/informer.ts';
import { type KubeObject, keyOf, type ObjectKey, type ResourceRef } from '#lib/kube/object.ts';

const LIMIT_MS = 20_000;

export class Recording<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #waiting = new Set<() => void>();
  /** The whole picture after each event. */
  readonly pictures: T[][] = [];

  constructor(client: KubeClient, ref: ResourceRef, namespace: string | undefined, signal: AbortSignal) {
    this.#informer = new Informer<T>({ client, ref, namespace });
    // The first list arrives object by object: half a picture is none.
    const look = (): void => {
      if (!this.#informer.hasSynced) return;
      this.pictures.push(this.#informer.list());
      for (const check of [...this.#waiting]) check();
    };
    this.#informer.subscribe({ add: look, update: look, delete: look });
    this.#informer.start(signal);
    void this.#informer.synced.then(look);
  }

  get synced(): Promise<void> {
    return this.#informer.synced;
  }

  get(key: ObjectKey): T | undefined {
    return this.#informer.get(keyOf(key));
  }

  list(): T[] {
    return this.#informer.list();
  }

  /** Resolves once the picture satisfies `holds`; fails after 20 s with what it last saw. */
  until(what: string, holds: (objects: T[]) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(
          new Error(`not within ${LIMIT_MS} ms: ${what}; last: ${JSON.stringify(this.list().map(brief), null, 1)}`),
        );
      }, LIMIT_MS);
      const check = (): void => {
        if (!this.#informer.hasSynced || !holds(this.list())) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }
}

function brief(object: KubeObject): unknown {
  const { name, deletionTimestamp, annotations, labels } = object.metadata;
  return { kind: object.kind, name, deletionTimestamp, annotations, labels, spec: object.spec, status: object.status };
}
