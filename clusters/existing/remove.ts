// Takes a set away again, in the order that lets each part go cleanly. What others may depend on stays unless purged.
import { waitFor } from '#lib/backoff/backoff.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { isNotFound } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { servedResources } from './served-resources.ts';
import type { ApplySet } from './apply-set.ts';
import { isKept, PART_OF, removalRank } from './ownership.ts';
import { nameOf } from './resource-map.ts';

export interface RemoveOptions {
  readonly client: KubeClient;
  /** Also CRDs with all their objects, CA secrets, and namespaces with foreign objects. @default false */
  readonly purge?: boolean | undefined;
  /** How long to wait for everything to be gone. @default 60,000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((object: KubeObject) => void) | undefined;
}

export interface RemovePlan {
  readonly remove: readonly KubeObject[];
  /** What stays, and why. */
  readonly keep: readonly { readonly object: KubeObject; readonly why: string }[];
}

/** What `removeSet` would do; shown before a purge. */
export async function planRemoval(set: ApplySet, options: RemoveOptions): Promise<RemovePlan> {
  const members = await set.members();
  const remove: KubeObject[] = [];
  const keep: { object: KubeObject; why: string }[] = [];
  for (const object of members) {
    const why = options.purge ? undefined : await reasonToKeep(object, set, options);
    if (why) keep.push({ object, why });
    else remove.push(object);
  }
  remove.sort((a, b) => removalRank(a) - removalRank(b) || nameOf(a).localeCompare(nameOf(b)));
  return { remove, keep };
}

/** Returns names of objects that are still going when the time is over. */
export async function removeSet(set: ApplySet, options: RemoveOptions): Promise<{ plan: RemovePlan; left: string[] }> {
  const { client, signal, onProgress, timeoutMs = 60_000 } = options;
  const plan = await planRemoval(set, options);
  for (const object of plan.remove) {
    const ref = await set.resources.tryFind(object);
    if (ref === undefined) continue;
    const { uid } = object.metadata;
    await client.delete(ref, object.metadata, { uid, propagationPolicy: 'Background', signal }).catch(ignoreNotFound);
    onProgress?.(object);
  }
  const until = performance.now() + timeoutMs;
  let left = plan.remove;
  for (;;) {
    const states = await Promise.all(left.map((object) => isThere(object, set, options)));
    left = left.filter((_, index) => states[index]);
    if (left.length === 0 || performance.now() >= until) break;
    await waitFor(200, signal);
    signal?.throwIfAborted();
  }
  if (left.length === 0 && plan.keep.length === 0) await set.forget();
  return { plan, left: left.map(nameOf) };
}

async function isThere(object: KubeObject, set: ApplySet, { client, signal }: RemoveOptions): Promise<boolean> {
  const ref = await set.resources.tryFind(object);
  const live = ref && (await client.tryGet(ref, object.metadata, { signal }));
  return live !== undefined && live.metadata.uid === object.metadata.uid;
}

async function reasonToKeep(object: KubeObject, set: ApplySet, options: RemoveOptions): Promise<string | undefined> {
  if (object.kind === 'CustomResourceDefinition') return 'its objects would go with it';
  if (isKept(object)) return 'running workloads trust it';
  if (object.kind !== 'Namespace') return undefined;
  if (['default', 'kube-system', 'kube-public', 'kube-node-lease'].includes(object.metadata.name))
    return 'the cluster needs it';
  const foreign = await foreignObjects(object.metadata.name, set, options);
  return foreign.length > 0
    ? `it holds ${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ', ...' : ''}`
    : undefined;
}

const MADE_BY_CLUSTER = new Set(['Event', 'Lease', 'Endpoints', 'EndpointSlice', 'ControllerRevision', 'PodMetrics']);
const MADE_BY_NAME = new Set(['ServiceAccount default', 'ConfigMap kube-root-ca.crt', 'ConfigMap istio-ca-root-cert']);

/** Objects of a namespace that neither the set, nor an owner, nor the cluster made. */
async function foreignObjects(namespace: string, set: ApplySet, { client, signal }: RemoveOptions): Promise<string[]> {
  const served = await servedResources(client, signal);
  const lists = await Promise.all(
    served
      .filter(({ namespaced, verbs }) => namespaced && verbs.includes('list'))
      .map(async (ref) =>
        (await client.listAll(ref, { namespace, signal })).items.map((item) => ({ ...item, kind: ref.kind })),
      ),
  );
  return lists
    .flat()
    .filter(({ kind, metadata }) => {
      if (metadata.labels?.[PART_OF] === set.id || (metadata.ownerReferences ?? []).length > 0) return false;
      return !MADE_BY_CLUSTER.has(kind) && !MADE_BY_NAME.has(`${kind} ${metadata.name}`);
    })
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    .sort();
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
