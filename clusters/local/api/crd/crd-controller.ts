// Keeps the served custom resources equal to the stored CRDs: accepts names, serves versions, cleans up after deletion.
import type { ResourceRegistry } from '../kinds/registry.ts';
import { type ApiObject, clone } from '../object.ts';
import type { Store } from '../storage/store.ts';
import { acceptedStatus, definitionsOf, isEstablished } from './custom-resources.ts';

const resource = 'apiextensions.k8s.io/customresourcedefinitions';
const cleanup = 'customresourcecleanup.apiextensions.k8s.io';

export class CrdController {
  readonly #store: Store;
  readonly #registry: ResourceRegistry;

  constructor(store: Store, registry: ResourceRegistry) {
    this.#store = store;
    this.#registry = registry;
  }

  start(): () => void {
    this.#reconcile();
    return this.#store.subscribe((changes) => {
      const isTouched = changes.some(
        (change) =>
          change.resource === resource ||
          (change.type === 'DELETED' && this.#registry.custom.some((item) => item.storage === change.resource)),
      );
      if (isTouched) this.#reconcile();
    });
  }

  #reconcile(): void {
    const crds = this.#store.list(resource);
    this.#registry.setCustom(crds.filter(isEstablished).flatMap(definitionsOf));
    for (const crd of crds)
      if (crd.metadata.deletionTimestamp === undefined) this.#accept(crd, crds);
      else this.#finalize(crd);
  }

  #accept(crd: ApiObject, all: readonly ApiObject[]): void {
    const status = acceptedStatus(crd, all);
    const finalizers = crd.metadata.finalizers ?? [];
    if (status === undefined && finalizers.includes(cleanup)) return;
    const next = clone(crd);
    if (status !== undefined) next['status'] = status;
    next.metadata.finalizers = [...new Set([...finalizers, cleanup])];
    this.#write(this.#store.put(resource, next, crd));
  }

  /** Objects of a deleted CRD go with it. */
  #finalize(crd: ApiObject): void {
    if (!(crd.metadata.finalizers ?? []).includes(cleanup)) return;
    const [definition] = definitionsOf(crd);
    const objects = definition === undefined ? [] : this.#store.list(definition.storage);
    if (objects.length > 0 && definition !== undefined) {
      for (const object of objects) {
        if (object.metadata.deletionTimestamp !== undefined) continue;
        if ((object.metadata.finalizers ?? []).length === 0)
          this.#write(this.#store.delete(definition.storage, object));
        else {
          const next = clone(object);
          next.metadata.deletionTimestamp = `${new Date().toISOString().slice(0, 19)}Z`;
          next.metadata.deletionGracePeriodSeconds = 0;
          this.#write(this.#store.put(definition.storage, next, object));
        }
      }
      return;
    }
    const next = clone(crd);
    next.metadata.finalizers = (crd.metadata.finalizers ?? []).filter((item) => item !== cleanup);
    if (next.metadata.finalizers.length === 0) this.#write(this.#store.delete(resource, crd, next));
    else this.#write(this.#store.put(resource, next, crd));
  }

  /** A failed write is tried again with the next change; the store reports the reason to whoever writes. */
  #write(done: Promise<unknown> | undefined): void {
    done?.catch(() => undefined);
  }
}
