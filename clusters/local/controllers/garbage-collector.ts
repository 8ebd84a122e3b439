// Removes what has lost its owners, and drives foreground and orphaning deletion, over every type the server serves.
// The caches only suggest: an owner is absent when the server says so, and a delete names the version it was decided on.
import { isConflict, isNotFound } from '#lib/kube/errors.ts';
import { apiVersionOf, type KubeObject, type OwnerReference, type ResourceRef } from '#lib/kube/object.ts';
import { customResourceDefinitions } from '#lib/kube/refs.ts';
import { type ServedResource, servedResources } from './api-discovery.ts';
import type { Controller, ControllerContext, Enqueue } from './controller.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
/** Not worth a cache, or not objects of their own. */
const IGNORED = new Set(['events', 'events.events.k8s.io', 'leases.coordination.k8s.io']);
/** After a change of CRDs the served types follow a little later. */
const DISCOVERY_MS = 1_000;
const DISCOVER = 'discover';

interface Known {
  readonly ref: ResourceRef;
  readonly object: KubeObject;
}

export function garbageCollector(context: ControllerContext): Controller {
  const { client, informers, signal } = context;
  const known = new Map<string, Known>();
  const dependents = new Map<string, Set<string>>();
  const watched = new Map<string, ServedResource>();
  const synced: Promise<void>[] = [];
  let enqueue: Enqueue = () => undefined;

  const ownersOf = (object: KubeObject): OwnerReference[] => object.metadata.ownerReferences ?? [];
  const isWaiting = (object: KubeObject): boolean =>
    object.metadata.deletionTimestamp !== undefined &&
    (object.metadata.finalizers ?? []).some((each) => each === FOREGROUND || each === ORPHAN);

  function put(ref: ResourceRef, object: KubeObject): void {
    const uid = object.metadata.uid ?? '';
    const before = known.get(uid)?.object;
    if (before) unlink(uid, before);
    known.set(uid, { ref, object });
    for (const owner of ownersOf(object)) {
      const set = dependents.get(owner.uid) ?? new Set();
      dependents.set(owner.uid, set.add(uid));
    }
    if (ownersOf(object).length > 0) enqueue(uid);
    if (isWaiting(object)) {
      enqueue(uid);
      for (const dependent of dependents.get(uid) ?? []) enqueue(dependent);
    }
    // A dependent that stops blocking or changes hands frees the owner it had.
    if (before) for (const owner of ownersOf(before)) if (known.get(owner.uid)) enqueueWaiting(owner.uid);
  }

  function remove(object: KubeObject): void {
    const uid = object.metadata.uid ?? '';
    const entry = known.get(uid);
    known.delete(uid);
    unlink(uid, entry?.object ?? object);
    for (const dependent of dependents.get(uid) ?? []) enqueue(dependent);
    for (const owner of ownersOf(object)) enqueueWaiting(owner.uid);
  }

  function unlink(uid: string, object: KubeObject): void {
    for (const owner of ownersOf(object)) {
      const set = dependents.get(owner.uid);
      set?.delete(uid);
      if (set?.size === 0) dependents.delete(owner.uid);
    }
  }

  function enqueueWaiting(uid: string): void {
    const entry = known.get(uid);
    if (entry && isWaiting(entry.object)) enqueue(uid);
  }

  async function discover(): Promise<void> {
    for (const resource of await servedResources(client, signal)) {
      const id = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
      const { verbs } = resource;
      if (watched.has(id) || IGNORED.has(id)) continue;
      if (!['list', 'watch', 'delete'].every((verb) => verbs.includes(verb))) continue;
      watched.set(id, resource);
      const informer = informers.of(resource);
      informer.subscribe({
        add: (object) => put(resource, object),
        update: (object) => put(resource, object),
        delete: remove,
      });
      synced.push(informer.synced);
    }
  }

  return {
    name: 'garbage-collector',
    watches: [customResourceDefinitions],
    wire: (add) => {
      enqueue = add;
      add(DISCOVER);
      const again = (): void => add(DISCOVER, DISCOVERY_MS);
      informers.of(customResourceDefinitions).subscribe({ add: again, update: again, delete: again });
    },
    reconcile: async (uid) => {
      if (uid === DISCOVER) {
        await discover();
        return undefined;
      }
      const entry = known.get(uid);
      if (entry === undefined) return undefined;
      if (isWaiting(entry.object)) await finishDeletion(entry);
      else if (ownersOf(entry.object).length > 0) await checkOwners(entry);
      return undefined;
    },
  };

  async function checkOwners({ ref, object }: Known): Promise<void> {
    if (object.metadata.deletionTimestamp && !(object.metadata.finalizers ?? []).length) return;
    const states = await Promise.all(
      ownersOf(object).map(async (owner) => ({ owner, state: await stateOf(owner, object) })),
    );
    const solid = states.filter(({ state }) => state === 'solid');
    const waiting = states.filter(({ state }) => state === 'waiting');
    const dangling = states.filter(({ state }) => state === 'absent');
    if (solid.length > 0) {
      if (dangling.length + waiting.length === 0) return;
      const gone = new Set([...dangling, ...waiting].map(({ owner }) => owner.uid));
      await setOwners(
        ref,
        object,
        ownersOf(object).filter((owner) => !gone.has(owner.uid)),
      );
      return;
    }
    if (object.metadata.deletionTimestamp) return;
    const hasDependents = (dependents.get(object.metadata.uid ?? '')?.size ?? 0) > 0;
    const finalizers = object.metadata.finalizers ?? [];
    const propagationPolicy = finalizers.includes(ORPHAN)
      ? 'Orphan'
      : finalizers.includes(FOREGROUND) || (waiting.length > 0 && hasDependents)
        ? 'Foreground'
        : 'Background';
    const { uid, resourceVersion } = object.metadata;
    await client
      .delete(ref, object.metadata, { propagationPolicy, uid, resourceVersion, signal })
      .catch(ignoreNotFound);
  }

  /** waiting: the owner is being deleted in the foreground, so its dependents go first. */
  async function stateOf(owner: OwnerReference, dependent: KubeObject): Promise<'solid' | 'waiting' | 'absent'> {
    const cached = known.get(owner.uid)?.object;
    const object = cached ?? (await fetchOwner(owner, dependent));
    if (object === undefined) return 'absent';
    if (object === 'unknown') return 'solid';
    const { deletionTimestamp, finalizers } = object.metadata;
    return deletionTimestamp && finalizers?.includes(FOREGROUND) ? 'waiting' : 'solid';
  }

  async function fetchOwner(owner: OwnerReference, dependent: KubeObject): Promise<KubeObject | undefined | 'unknown'> {
    const ref = [...watched.values()].find((each) => each.kind === owner.kind && sameGroup(each, owner));
    // A type that is not served (any more) proves nothing: upstream keeps the dependent, and so do we.
    if (ref === undefined) return 'unknown';
    const version = { ...ref, version: owner.apiVersion.split('/').at(-1)! };
    const namespace = ref.namespaced ? dependent.metadata.namespace : undefined;
    if (ref.namespaced && !namespace) return 'unknown';
    const live =
      (await client.tryGet(version, { namespace, name: owner.name }, { signal })) ??
      (await client.tryGet(ref, { namespace, name: owner.name }, { signal }));
    return live?.metadata.uid === owner.uid ? live : undefined;
  }

  async function finishDeletion({ ref, object }: Known): Promise<void> {
    const uid = object.metadata.uid ?? '';
    const mine = [...(dependents.get(uid) ?? [])].flatMap((id) => known.get(id) ?? []);
    if (object.metadata.finalizers?.includes(ORPHAN)) {
      for (const dependent of mine) {
        const rest = ownersOf(dependent.object).filter((owner) => owner.uid !== uid);
        await setOwners(dependent.ref, dependent.object, rest);
      }
      await removeFinalizer(ref, object, ORPHAN);
      return;
    }
    const blocking = mine.filter((dependent) =>
      ownersOf(dependent.object).some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
    );
    if (blocking.length === 0) return removeFinalizer(ref, object, FOREGROUND);
    for (const dependent of blocking) enqueue(dependent.object.metadata.uid ?? '');
  }

  async function setOwners(ref: ResourceRef, object: KubeObject, ownerReferences: OwnerReference[]): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    await client
      .patch(ref, object.metadata, { metadata: { uid, resourceVersion, ownerReferences } }, { signal })
      .catch(ignoreNotFound);
  }

  async function removeFinalizer(ref: ResourceRef, object: KubeObject, finalizer: string): Promise<void> {
    const live = await client.tryGet(ref, object.metadata, { signal });
    if (live?.metadata.uid !== object.metadata.uid || !live?.metadata.finalizers?.includes(finalizer)) return;
    const finalizers = live.metadata.finalizers.filter((each) => each !== finalizer);
    const { uid, resourceVersion } = live.metadata;
    await client
      .patch(ref, object.metadata, { metadata: { uid, resourceVersion, finalizers } }, { signal })
      .catch((error: unknown) => {
        if (isConflict(error)) enqueue(object.metadata.uid ?? '', 50);
        else ignoreNotFound(error);
      });
  }
}

const sameGroup = (ref: ResourceRef, owner: OwnerReference): boolean => {
  const [group] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : [''];
  return ref.group === group && apiVersionOf(ref) !== '';
};

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
