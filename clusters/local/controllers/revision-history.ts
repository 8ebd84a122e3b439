// ControllerRevisions: the numbered templates of a DaemonSet or StatefulSet, for rolling updates and `rollout undo`.
import { isAlreadyExists, isNotFound } from '#lib/kube/errors.ts';
import { controllerReference, type KubeObject } from '#lib/kube/object.ts';
import { controllerRevisions } from '#lib/kube/refs.ts';
import type { ControllerContext } from './controller.ts';
import type { ControllerRevision, PodTemplate } from './objects.ts';
import { canonicalJson, templateHash } from './template-hash.ts';

export const HASH_LABEL = 'controller-revision-hash';

export interface History {
  /** Of the owner's template as it is now. */
  readonly current: ControllerRevision;
  readonly hash: string;
  /** Oldest first, `current` last. */
  readonly all: readonly ControllerRevision[];
}

interface OwnerWithTemplate extends KubeObject {
  spec: { template: PodTemplate; selector: { matchLabels?: Record<string, string> | undefined } };
}

/** The patch that brings an owner to this template, as upstream stores it. */
const dataOf = (owner: OwnerWithTemplate): object => ({
  spec: { template: { $patch: 'replace', ...owner.spec.template } },
});

/** Finds or makes the revision of the current template and gives it the highest number. */
export async function syncHistory(
  context: ControllerContext,
  owner: OwnerWithTemplate,
  known: readonly ControllerRevision[],
): Promise<History> {
  const { client, signal } = context;
  const data = dataOf(owner);
  const ordered = [...known].sort((a, b) => a.revision - b.revision || a.metadata.name.localeCompare(b.metadata.name));
  const highest = ordered.at(-1)?.revision ?? 0;
  const same = ordered.filter((each) => canonicalJson(each.data) === canonicalJson(data)).at(-1);
  if (same) {
    const others = ordered.filter((each) => each !== same);
    const top = others.at(-1)?.revision ?? 0;
    const current =
      same.revision > top || others.length === 0
        ? same
        : await client.replace<ControllerRevision>(controllerRevisions, { ...same, revision: highest + 1 }, { signal });
    return { current, hash: hashOf(current), all: [...others, current] };
  }
  const hash = templateHash(data);
  const revision: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${owner.metadata.name}-${hash}`,
      namespace: owner.metadata.namespace,
      labels: { ...owner.spec.template.metadata?.labels, [HASH_LABEL]: hash },
      annotations: owner.metadata.annotations,
      ownerReferences: [controllerReference(owner)],
    },
    data,
    revision: highest + 1,
  };
  try {
    const current = await client.create(controllerRevisions, revision, { signal });
    return { current, hash, all: [...ordered, current] };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const current = await client.get<ControllerRevision>(controllerRevisions, revision.metadata, { signal });
    // Only the cache lags. Another owner's revision of this name ends with that owner: try again then.
    if (!current.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid)) throw error;
    return { current, hash, all: [...ordered, current] };
  }
}

export function hashOf(revision: ControllerRevision): string {
  return revision.metadata.labels?.[HASH_LABEL] ?? revision.metadata.name.split('-').at(-1)!;
}

/** Keeps the newest `limit` revisions that no pod runs. */
export async function pruneHistory(
  context: ControllerContext,
  history: History,
  inUse: ReadonlySet<string>,
  limit: number,
): Promise<void> {
  const idle = history.all.filter((each) => each !== history.current && !inUse.has(hashOf(each)));
  for (const { metadata } of idle.slice(0, Math.max(0, idle.length - limit))) {
    const options = { uid: metadata.uid, signal: context.signal };
    await context.client.delete(controllerRevisions, metadata, options).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}
