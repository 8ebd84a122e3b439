// Pods with an identity: `name-0`, `name-1`, ... made in order, updated from the highest down, each with its own claims.
import { isAlreadyExists } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { controllerRevisions, persistentVolumeClaims, pods, statefulSets } from '#lib/kube/refs.ts';
import { claim } from './claim.ts';
import { type Controller, type ControllerContext, enqueueOwner, enqueueSelf } from './controller.ts';
import type { ControllerRevision, Pod, PodTemplate, StatefulSet, StatefulSetStatus } from './objects.ts';
import { PodControl, UNSETTLED_MS } from './pod-control.ts';
import { podFromTemplate } from './pod-factory.ts';
import { isPodAvailable, isPodReady, isPodTerminal } from './pod-state.ts';
import { HASH_LABEL, hashOf, pruneHistory, syncHistory } from './revision-history.ts';
import { canonicalJson } from './template-hash.ts';

export function statefulSetController(context: ControllerContext): Controller {
  const { client, informers, now, signal } = context;
  const cache = informers.of<StatefulSet>(statefulSets);
  const podCache = informers.of<Pod>(pods);
  const revisions = informers.owned<ControllerRevision>(controllerRevisions);
  const control = new PodControl(context, 'statefulset-controller');
  return {
    name: 'statefulset',
    watches: [statefulSets, pods, controllerRevisions],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      enqueueOwner(podCache, 'StatefulSet', enqueue);
    },
    reconcile: async (key) => {
      const set = cache.get(key);
      if (set === undefined) return undefined;
      if (!control.settled(set)) return UNSETTLED_MS;
      const { selector } = set.spec;
      const all = podCache.list(set.metadata.namespace);
      const claimed = await claim(context, { owner: set, ownerRef: statefulSets, ref: pods, selector, all });
      if (set.metadata.deletionTimestamp) return undefined;
      const history = await syncHistory(context, set, revisions.of(set.metadata.uid));
      const known = history.all.find((each) => each.metadata.name === set.status?.currentRevision);
      const current = known ?? history.current;
      const plan = planStatefulSet({ set, claimed, current, update: history.current, nowMs: now() });
      for (const pod of plan.create) await createClaims(context, set, pod);
      await control.deleteAll(set, plan.remove);
      await control.createAll(set, plan.create);
      if (canonicalJson(plan.status) !== canonicalJson(set.status)) {
        await client.replaceStatus<StatefulSet>(statefulSets, { ...set, status: plan.status }, { signal });
      }
      const inUse = new Set([hashOf(current), ...claimed.map((pod) => pod.metadata.labels?.[HASH_LABEL] ?? '')]);
      await pruneHistory(context, history, inUse, set.spec.revisionHistoryLimit ?? 10);
      return plan.againMs;
    },
  };
}

export interface StatefulSetInput {
  readonly set: StatefulSet;
  readonly claimed: readonly Pod[];
  /** The revision that pods below the partition, or not yet updated, are made from. */
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  readonly nowMs: number;
}
export interface StatefulSetPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  readonly status: StatefulSetStatus;
  readonly againMs?: number | undefined;
}

/** What to do about one StatefulSet now, pure: at most one step at a time unless pods are managed in parallel. */
export function planStatefulSet({ set, claimed, current, update, nowMs }: StatefulSetInput): StatefulSetPlan {
  const { spec } = set;
  const start = spec.ordinals?.start ?? 0;
  const replicas = spec.replicas ?? 1;
  const parallel = spec.podManagementPolicy === 'Parallel';
  const minReady = spec.minReadySeconds ?? 0;
  const byOrdinal = new Map(claimed.map((pod) => [ordinalOf(set, pod), pod]));
  const ordinals = Array.from({ length: replicas }, (_, index) => start + index);
  const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  const rolling = (spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
  const updateHash = hashOf(update);
  const isUpdated = (pod: Pod): boolean => pod.metadata.labels?.[HASH_LABEL] === updateHash;
  const healthy = (pod: Pod | undefined): boolean =>
    pod !== undefined && !pod.metadata.deletionTimestamp && isPodAvailable(pod, minReady, nowMs);

  const create: Pod[] = [];
  const remove: Pod[] = [];
  const status = (): StatefulSetStatus => {
    const mine = claimed.filter((pod) => !pod.metadata.deletionTimestamp);
    const updated = mine.filter(isUpdated).length;
    const done = updated === replicas && mine.length === replicas && mine.every(isPodReady);
    const currentRevision = done ? update : current;
    return {
      replicas: mine.length,
      readyReplicas: mine.filter(isPodReady).length || undefined,
      availableReplicas: mine.filter((pod) => isPodAvailable(pod, minReady, nowMs)).length,
      currentReplicas:
        mine.filter((pod) => pod.metadata.labels?.[HASH_LABEL] === hashOf(currentRevision)).length || undefined,
      updatedReplicas: updated || undefined,
      currentRevision: currentRevision.metadata.name,
      updateRevision: update.metadata.name,
      observedGeneration: set.metadata.generation,
      collisionCount: set.status?.collisionCount ?? 0,
    };
  };
  const waitsForReadySeconds = minReady > 0 && claimed.some((pod) => isPodReady(pod) && !healthy(pod));
  const result = (): StatefulSetPlan => ({
    create,
    remove,
    status: status(),
    againMs: waitsForReadySeconds ? 1_000 : undefined,
  });

  for (const ordinal of ordinals) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) {
      // Below the partition, a pod that was lost comes back as it was.
      create.push(statefulPod(set, rolling && ordinal - start < partition ? current : update, ordinal));
      if (!parallel) return result();
    } else if (isPodTerminal(pod) && !pod.metadata.deletionTimestamp) {
      remove.push(pod);
      if (!parallel) return result();
    } else if (!healthy(pod) && !parallel) {
      // A pod of a broken revision must not block the update that mends it.
      if (
        rolling &&
        !isUpdated(pod) &&
        ordinal - start >= partition &&
        !pod.metadata.deletionTimestamp &&
        !isPodReady(pod) &&
        current !== update
      ) {
        remove.push(pod);
      }
      return result();
    }
  }
  const surplus = claimed
    .filter((pod) => !ordinals.includes(ordinalOf(set, pod)))
    .sort((a, b) => ordinalOf(set, b) - ordinalOf(set, a));
  for (const pod of surplus) {
    if (!pod.metadata.deletionTimestamp) remove.push(pod);
    if (!parallel) return result();
  }
  if (!rolling) return result();
  for (const ordinal of [...ordinals].reverse()) {
    if (ordinal - start < partition) break;
    const pod = byOrdinal.get(ordinal);
    if (pod && !isUpdated(pod) && !pod.metadata.deletionTimestamp) {
      remove.push(pod);
      break;
    }
    if (!healthy(pod)) break;
  }
  return result();
}

function ordinalOf(set: StatefulSet, pod: Pod): number {
  const suffix = pod.metadata.name.slice(set.metadata.name.length + 1);
  return /^\d+$/.test(suffix) ? Number(suffix) : -1;
}

function statefulPod(set: StatefulSet, revision: ControllerRevision, ordinal: number): Pod {
  const data = revision.data as { spec?: { template?: PodTemplate & { $patch?: string } } } | undefined;
  const stored: PodTemplate & { $patch?: string } = data?.spec?.template ?? set.spec.template;
  const { $patch: _, ...template } = stored;
  const name = `${set.metadata.name}-${ordinal}`;
  const labels = {
    [HASH_LABEL]: hashOf(revision),
    'statefulset.kubernetes.io/pod-name': name,
    'apps.kubernetes.io/pod-index': String(ordinal),
  };
  const pod = podFromTemplate({ owner: set as KubeObject, template: template as PodTemplate, name, labels });
  const claims = (set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata.name,
    persistentVolumeClaim: { claimName: claimName(metadata.name, name) },
  }));
  const others = (pod.spec.volumes ?? []).filter((volume) => !claims.some((each) => each.name === volume.name));
  const volumes = claims.length > 0 ? { volumes: [...others, ...claims] } : {};
  return { ...pod, spec: { ...pod.spec, hostname: name, subdomain: set.spec.serviceName, ...volumes } };
}

const claimName = (volume: string, pod: string): string => `${volume}-${pod}`;

async function createClaims(context: ControllerContext, set: StatefulSet, pod: Pod): Promise<void> {
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    const { labels, annotations } = template.metadata;
    const metadata = {
      name: claimName(template.metadata.name, pod.metadata.name),
      namespace: set.metadata.namespace,
      labels: { ...labels, ...set.spec.selector.matchLabels },
      annotations,
    };
    const wanted = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: template.spec };
    await context.client.create(persistentVolumeClaims, wanted, { signal: context.signal }).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  }
}
