// Deployment -> ReplicaSets: one per template, sized by rollout.ts, numbered by revision; keeps enough of them for undo.
import { isAlreadyExists, isNotFound } from '#lib/kube/errors.ts';
import { controllerOf, controllerReference } from '#lib/kube/object.ts';
import { deployments, pods, replicaSets } from '#lib/kube/refs.ts';
import { claim } from './claim.ts';
import { type Controller, type ControllerContext, enqueueOwner, enqueueSelf } from './controller.ts';
import { deadlineAt, isComplete, toDeploymentStatus } from './deployment-status.ts';
import type { Deployment, Pod, PodTemplate, ReplicaSet } from './objects.ts';
import { PendingWrites } from './pending-writes.ts';
import { UNSETTLED_MS } from './pod-control.ts';
import { isPodTerminal } from './pod-state.ts';
import {
  ANNOTATION,
  bounds,
  isScalingEvent,
  newSetSize,
  oldSetSizes,
  replicasOf,
  type Sizes,
  scaledSizes,
} from './rollout.ts';
import { canonicalJson, templateHash } from './template-hash.ts';

const COMPONENT = 'deployment-controller';
const HASH_LABEL = 'pod-template-hash';
const NOT_COPIED = new Set<string>([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  ...Object.values(ANNOTATION),
]);

export function deploymentController(context: ControllerContext): Controller {
  const { informers } = context;
  const cache = informers.of<Deployment>(deployments);
  const sets = informers.of<ReplicaSet>(replicaSets);
  const podCache = informers.of<Pod>(pods);
  const pending = new PendingWrites(sets);
  return {
    name: 'deployment',
    watches: [deployments, replicaSets, pods],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      enqueueOwner(sets, 'Deployment', enqueue);
      // Recreate waits for the last old pod to be gone, which no ReplicaSet status tells.
      podCache.subscribe({
        delete: (pod) => {
          const set = sets.get({ namespace: pod.metadata.namespace, name: controllerOf(pod)?.name ?? '' });
          const owner = set && controllerOf(set);
          if (owner) enqueue(`${pod.metadata.namespace}/${owner.name}`);
        },
      });
    },
    reconcile: async (key) => {
      const deployment = cache.get(key);
      if (deployment === undefined) return undefined;
      if (!pending.settled(deployment.metadata.uid ?? '')) return UNSETTLED_MS;
      return new DeploymentPass(context, pending, deployment).run();
    },
  };
}

/** One look at one Deployment; every write goes through the versions it saw. */
class DeploymentPass {
  readonly #context: ControllerContext;
  readonly #pending: PendingWrites<ReplicaSet>;
  #deployment: Deployment;
  #created = false;
  #collisionCount: number | undefined;

  constructor(context: ControllerContext, pending: PendingWrites<ReplicaSet>, deployment: Deployment) {
    this.#context = context;
    this.#pending = pending;
    this.#deployment = deployment;
  }

  async run(): Promise<number | undefined> {
    const deployment = this.#deployment;
    const { selector } = deployment.spec;
    if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0)
      return undefined;
    const all = this.#context.informers.of<ReplicaSet>(replicaSets).list(deployment.metadata.namespace);
    const claimed = await claim(this.#context, {
      owner: deployment,
      ownerRef: deployments,
      ref: replicaSets,
      selector,
      all,
    });
    let current = claimed
      .filter((set) => sameTemplate(set.spec.template, deployment.spec.template))
      .sort((a, b) => byCreation(a, b))[0];
    const old = claimed.filter((set) => set !== current);
    if (deployment.metadata.deletionTimestamp) return this.#finish(current, old, false);
    if (deployment.spec.paused) {
      if (current) current = await this.#number(current, old);
      const scaled = await this.#resize([...old, ...(current ? [current] : [])], this.#scaling(current, old));
      return this.#finish(current, old, !scaled);
    }
    if (isScalingEvent(deployment, claimed)) {
      if (current) current = await this.#number(current, old);
      const numbered = claimed.map((set) => (current && set.metadata.uid === current.metadata.uid ? current : set));
      if (await this.#resize(numbered, this.#scaling(current, old))) {
        return this.#finish(current, old, false);
      }
    }
    if (deployment.spec.strategy?.type === 'Recreate') return this.#recreate(current, old);
    return this.#rollingUpdate(current, old);
  }

  #scaling(current: ReplicaSet | undefined, old: readonly ReplicaSet[]): Sizes {
    return scaledSizes(this.#deployment, current, old);
  }

  async #rollingUpdate(found: ReplicaSet | undefined, old: readonly ReplicaSet[]): Promise<number | undefined> {
    const current = found
      ? await this.#number(found, old)
      : await this.#create(newSetSize(this.#deployment, undefined, old), old);
    if (current === undefined || this.#created) return this.#finish(current, old, false);
    const size = newSetSize(this.#deployment, current, old);
    if (await this.#resize([current], new Map([[current.metadata.name, size]])))
      return this.#finish(current, old, false);
    const shrunk = await this.#resize(old, oldSetSizes(this.#deployment, current, old));
    return this.#finish(current, old, !shrunk);
  }

  async #recreate(found: ReplicaSet | undefined, old: readonly ReplicaSet[]): Promise<number | undefined> {
    const alive = old.filter((set) => replicasOf(set) > 0);
    if (await this.#resize(alive, new Map(alive.map((set) => [set.metadata.name, 0]))))
      return this.#finish(found, old, false);
    const oldUids = new Set(old.map((set) => set.metadata.uid));
    const running = this.#context.informers
      .of<Pod>(pods)
      .list(this.#deployment.metadata.namespace)
      .some((pod) => oldUids.has(controllerOf(pod)?.uid ?? '') && !isPodTerminal(pod));
    if (running || old.some((set) => (set.status?.replicas ?? 0) > 0)) return this.#finish(found, old, false);
    const replicas = replicasOf(this.#deployment);
    const current = found ? await this.#number(found, old) : await this.#create(replicas, old);
    if (current && !this.#created) await this.#resize([current], new Map([[current.metadata.name, replicas]]));
    return this.#finish(current, old, true);
  }

  /** Makes the set of the current template; a name taken by another template raises the collision count. */
  async #create(size: number, old: readonly ReplicaSet[]): Promise<ReplicaSet | undefined> {
    const { client, events, signal } = this.#context;
    const deployment = this.#deployment;
    const hash = templateHash(deployment.spec.template, deployment.status?.collisionCount ?? 0);
    const { template, selector, minReadySeconds } = deployment.spec;
    const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
    const set: ReplicaSet = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${deployment.metadata.name}-${hash}`,
        namespace: deployment.metadata.namespace,
        labels,
        annotations: {
          ...this.#copiedAnnotations(),
          ...this.#sizeAnnotations(),
          [ANNOTATION.revision]: String(maxRevision(old) + 1),
        },
        ownerReferences: [controllerReference(deployment)],
      },
      spec: {
        replicas: size,
        minReadySeconds,
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    };
    try {
      const created = await client.create(replicaSets, set, { signal });
      this.#pending.wrote(deployment.metadata.uid ?? '', created);
      events.normal(
        COMPONENT,
        deployment,
        'ScalingReplicaSet',
        `Scaled up replica set ${created.metadata.name} from 0 to ${size}`,
      );
      this.#created = true;
      await this.#setRevision(created);
      return created;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const taken = await client.get<ReplicaSet>(replicaSets, set.metadata, { signal });
      const ours = controllerOf(taken)?.uid === deployment.metadata.uid && sameTemplate(taken.spec.template, template);
      if (ours) throw error; // Only the cache lags: the retry finds it there.
      this.#collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
      return undefined;
    }
  }

  /** Gives the current set the newest revision number, remembers the ones it had before, and copies annotations. */
  async #number(current: ReplicaSet, old: readonly ReplicaSet[]): Promise<ReplicaSet> {
    const had = Number(current.metadata.annotations?.[ANNOTATION.revision] ?? 0);
    const newest = maxRevision(old);
    const annotations: Record<string, string> = { ...this.#copiedAnnotations() };
    if (had <= newest) {
      annotations[ANNOTATION.revision] = String(newest + 1);
      const history = current.metadata.annotations?.[ANNOTATION.history];
      if (had > 0) annotations[ANNOTATION.history] = [history, had].filter(Boolean).join(',');
    }
    const { minReadySeconds } = this.#deployment.spec;
    const merged = { ...current.metadata.annotations, ...annotations };
    let numbered = current;
    if (
      canonicalJson(merged) !== canonicalJson(current.metadata.annotations) ||
      (current.spec.minReadySeconds ?? 0) !== (minReadySeconds ?? 0)
    ) {
      numbered = await this.#replace({
        ...current,
        metadata: { ...current.metadata, annotations: merged },
        spec: { ...current.spec, minReadySeconds },
      });
    }
    await this.#setRevision(numbered);
    return numbered;
  }

  async #setRevision(current: ReplicaSet): Promise<void> {
    const revision = current.metadata.annotations?.[ANNOTATION.revision];
    if (revision === undefined || this.#deployment.metadata.annotations?.[ANNOTATION.revision] === revision) return;
    const { metadata } = this.#deployment;
    const patch = { metadata: { uid: metadata.uid, annotations: { [ANNOTATION.revision]: revision } } };
    const { signal } = this.#context;
    const written = await this.#context.client.patch<Deployment>(deployments, metadata, patch, { signal });
    // Of another generation: keep the old version, so that the status of what we looked at is refused.
    if (written.metadata.generation !== metadata.generation) return;
    const { resourceVersion, annotations } = written.metadata;
    this.#deployment = { ...this.#deployment, metadata: { ...metadata, resourceVersion, annotations } };
  }

  /** Writes the sizes that differ. True when anything was written. */
  async #resize(sets: readonly ReplicaSet[], sizes: Sizes): Promise<boolean> {
    let changed = false;
    for (const set of sets) {
      const size = sizes.get(set.metadata.name) ?? replicasOf(set);
      const before = replicasOf(set);
      const annotations = { ...set.metadata.annotations, ...this.#sizeAnnotations() };
      if (size === before && canonicalJson(annotations) === canonicalJson(set.metadata.annotations)) continue;
      if (size === before && before === 0) continue;
      await this.#replace({
        ...set,
        metadata: { ...set.metadata, annotations },
        spec: { ...set.spec, replicas: size },
      });
      if (size === before) continue;
      changed = true;
      const direction = size > before ? 'up' : 'down';
      const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${size}`;
      this.#context.events.normal(COMPONENT, this.#deployment, 'ScalingReplicaSet', message);
    }
    return changed;
  }

  async #replace(set: ReplicaSet): Promise<ReplicaSet> {
    const written = await this.#context.client.replace(replicaSets, set, { signal: this.#context.signal });
    this.#pending.wrote(this.#deployment.metadata.uid ?? '', written);
    return written;
  }

  #sizeAnnotations(): Record<string, string> {
    const replicas = replicasOf(this.#deployment);
    const { maxSurge } = bounds(this.#deployment);
    return { [ANNOTATION.desired]: String(replicas), [ANNOTATION.max]: String(replicas + maxSurge) };
  }

  #copiedAnnotations(): Record<string, string> {
    const entries = Object.entries(this.#deployment.metadata.annotations ?? {});
    return Object.fromEntries(entries.filter(([name]) => !NOT_COPIED.has(name)));
  }

  async #finish(
    current: ReplicaSet | undefined,
    old: readonly ReplicaSet[],
    tidy: boolean,
  ): Promise<number | undefined> {
    const deployment = this.#deployment;
    const nowMs = this.#context.now();
    const collisionCount = this.#collisionCount;
    const status = toDeploymentStatus({ deployment, current, old, created: this.#created, collisionCount, nowMs });
    if (tidy && isComplete(deployment, status)) await this.#prune(old);
    if (canonicalJson(status) !== canonicalJson(deployment.status)) {
      const { client, signal } = this.#context;
      await client.replaceStatus<Deployment>(deployments, { ...this.#deployment, status }, { signal });
    }
    const deadline = deadlineAt(deployment, status);
    if (collisionCount !== undefined) return 1;
    return deadline === undefined ? undefined : Math.max(deadline - nowMs, 1_000);
  }

  /** Sets of finished rollouts beyond `revisionHistoryLimit`, oldest revision first. */
  async #prune(old: readonly ReplicaSet[]): Promise<void> {
    const limit = this.#deployment.spec.revisionHistoryLimit ?? 10;
    const idle = old.filter(
      (set) =>
        replicasOf(set) === 0 &&
        (set.status?.replicas ?? 0) === 0 &&
        (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0) &&
        !set.metadata.deletionTimestamp,
    );
    const byRevision = idle.sort((a, b) => revisionOf(a) - revisionOf(b) || byCreation(a, b));
    for (const set of byRevision.slice(0, Math.max(0, idle.length - limit))) {
      try {
        const { uid } = set.metadata;
        await this.#context.client.delete(replicaSets, set.metadata, {
          uid,
          propagationPolicy: 'Background',
          signal: this.#context.signal,
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }
}

const revisionOf = (set: ReplicaSet): number => Number(set.metadata.annotations?.[ANNOTATION.revision] ?? 0) || 0;
const maxRevision = (sets: readonly ReplicaSet[]): number => Math.max(0, ...sets.map(revisionOf));
const byCreation = (a: ReplicaSet, b: ReplicaSet): number =>
  (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') ||
  a.metadata.name.localeCompare(b.metadata.name);

/** Equal but for the label that tells the sets apart. */
export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  const plain = (template: PodTemplate): PodTemplate => {
    const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
    // Empty maps and absent ones are one: a merge patch may leave either.
    const annotations =
      Object.keys(template.metadata?.annotations ?? {}).length > 0 ? template.metadata?.annotations : undefined;
    return { ...template, metadata: { ...template.metadata, labels, annotations } };
  };
  return canonicalJson(plain(a)) === canonicalJson(plain(b));
}
