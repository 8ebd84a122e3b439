// A namespace that is going: its content first, then its finalizer.
import { isGone, isNotFound, KubeError } from '#lib/kube/errors.ts';
import { namespaces, pods } from '#lib/kube/refs.ts';
import { type ServedResource, servedResources } from './api-discovery.ts';
import { type Controller, type ControllerContext, enqueueSelf, toTime } from './controller.ts';
import type { Condition, Namespace, Pod } from './objects.ts';
import { canonicalJson } from './template-hash.ts';

const FINALIZER = 'kubernetes';
/** How often to look while content is still going. */
const POLL_MS = 250;

export function namespaceController(context: ControllerContext): Controller {
  const { client, informers, signal, now } = context;
  const cache = informers.of<Namespace>(namespaces);
  return {
    name: 'namespace',
    watches: [namespaces],
    wire: (enqueue) => enqueueSelf(cache, enqueue),
    reconcile: async (key) => {
      const cached = cache.get(key);
      if (!cached?.metadata.deletionTimestamp) return undefined;
      const namespace = await client.tryGet<Namespace>(namespaces, cached.metadata, { signal });
      if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes(FINALIZER)) return undefined;
      const remaining = await deleteContent(context, namespace.metadata.name);
      if (remaining.length > 0) {
        await reportRemaining(context, namespace, remaining, toTime(now()));
        return POLL_MS;
      }
      await finalize(context, namespace);
      return undefined;
    },
  };
}

/** Asks for the deletion of everything; returns what is still there, `pods (2)`. */
async function deleteContent(context: ControllerContext, namespace: string): Promise<string[]> {
  const { client, signal } = context;
  const served = await servedResources(client, signal);
  const remaining: string[] = [];
  await Promise.all(
    served
      .filter(({ namespaced, verbs }) => namespaced && verbs.includes('list') && verbs.includes('delete'))
      .map(async (ref) => {
        const count = await deleteAll(context, ref, namespace);
        if (count > 0) remaining.push(`${ref.plural} (${count})`);
      }),
  );
  return remaining.sort();
}

async function deleteAll(context: ControllerContext, ref: ServedResource, namespace: string): Promise<number> {
  const { client, signal } = context;
  try {
    const { items } = await client.listAll(ref, { namespace, signal });
    const pending = items.filter((item) => !item.metadata.deletionTimestamp);
    if (pending.length > 0 && ref.verbs.includes('deletecollection')) {
      await client.deleteCollection(ref, { namespace, propagationPolicy: 'Background', signal });
    } else {
      for (const { metadata } of pending) {
        await client.delete(ref, metadata, { propagationPolicy: 'Background', signal }).catch(ignoreNotFound);
      }
    }
    // What was there counts even if it went at once: only a pass that finds nothing at all ends the namespace, so
    // that whatever was admitted just before the deletion became known is caught by the next pass.
    return items.length;
  } catch (error) {
    // A resource type that vanished meanwhile has no content; a list that expired is read again next time.
    if (isNotFound(error) || (error instanceof KubeError && error.code === 405)) return 0;
    if (isGone(error)) return 1;
    throw error;
  }
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

async function reportRemaining(
  context: ControllerContext,
  namespace: Namespace,
  remaining: readonly string[],
  time: string,
): Promise<void> {
  const stuck = context.informers.of<Pod>(pods).list(namespace.metadata.name);
  const finalizers = [...new Set(stuck.flatMap((pod) => pod.metadata.finalizers ?? []))];
  const message = `Some resources are remaining: ${remaining.join(', ')}`;
  const wanted: Condition[] = [
    condition('NamespaceContentRemaining', 'True', 'SomeResourcesRemain', message),
    finalizers.length > 0
      ? condition(
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          `Some content has finalizers: ${finalizers.join(', ')}`,
        )
      : condition(
          'NamespaceFinalizersRemaining',
          'False',
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ),
  ];
  const conditions = wanted.map((next) => {
    const known = namespace.status?.conditions?.find((each) => each.type === next.type);
    return { ...next, lastTransitionTime: known?.status === next.status ? known.lastTransitionTime : time };
  });
  const others = (namespace.status?.conditions ?? []).filter((each) => !wanted.some(({ type }) => type === each.type));
  const status = { ...namespace.status, phase: 'Terminating', conditions: [...others, ...conditions] };
  if (canonicalJson(status) === canonicalJson(namespace.status)) return;
  await context.client
    .replaceStatus<Namespace>(namespaces, { ...namespace, status }, { signal: context.signal })
    .catch(ignoreNotFound);
}

function condition(type: string, status: string, reason: string, message: string): Condition {
  return { type, status, reason, message };
}

async function finalize(context: ControllerContext, namespace: Namespace): Promise<void> {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
  const next: Namespace = { ...namespace, spec: { ...namespace.spec, finalizers } };
  await context.client
    .replace<Namespace>(namespaces, next, { subresource: 'finalize', signal: context.signal })
    .catch(ignoreNotFound);
}
