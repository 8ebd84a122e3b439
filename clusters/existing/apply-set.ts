// Applies manifests as one named set: server-side apply in the caller's order, then removal of what the set had before
// and no longer has. The set's memory is one ConfigMap (an ApplySet parent) and a label on every member.
import type { KubeClient } from '#lib/kube/client.ts';
import { isNotFound, isTransient, KubeError } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { configMaps } from '#lib/kube/refs.ts';
import { waitFor } from '#lib/backoff/backoff.ts';
import {
  applySetId,
  argoApplicationOf,
  GROUP_KINDS,
  idOf,
  isKept,
  isMeshPart,
  NAMESPACES,
  PART_OF,
  removalRank,
  SET_ID,
  TOOLING,
} from './ownership.ts';
import { isReady } from './readiness.ts';
import { groupKindOf, nameOf, ResourceMap } from './resource-map.ts';

export type Outcome = 'created' | 'configured' | 'unchanged' | 'pruned';

export interface ApplySetOptions {
  readonly client: KubeClient;
  /** Names the set on the cluster, `rigging-<env>`. */
  readonly name: string;
  /** Where the set's ConfigMap lives. @default default */
  readonly namespace?: string | undefined;
  /** @default rigging */
  readonly fieldManager?: string | undefined;
  /** Takes objects that ArgoCD tracks. @default false */
  readonly force?: boolean | undefined;
  /** Takes over istiod, webhooks and CRDs that another owner installed. @default false */
  readonly adopt?: boolean | undefined;
  /** How long a refusal that may pass (a webhook that is not up yet) is retried. @default 60,000 */
  readonly retryMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((object: KubeObject, outcome: Outcome) => void) | undefined;
}

interface Parent extends KubeObject {
  data?: Record<string, string>;
}

/** Objects of one kind that follow each other are applied side by side, this many at a time. */
const PARALLEL = 8;
const RETRY_EVERY_MS = 500;
const DEFAULT_SIGNAL = new AbortController().signal;

export class ApplySet {
  readonly id: string;
  readonly resources: ResourceMap;
  readonly #options: ApplySetOptions;
  readonly #signal: AbortSignal;
  readonly #applied = new Map<string, KubeObject>();
  readonly #groupKinds = new Set<string>();
  readonly #namespaces = new Set<string>();

  constructor(options: ApplySetOptions) {
    this.#options = options;
    this.#signal = options.signal ?? DEFAULT_SIGNAL;
    this.id = applySetId({ ...this.#parentKey(), kind: 'ConfigMap', group: '' });
    this.resources = new ResourceMap(options.client, options.signal);
  }

  /** Applies in order. May be called several times before `prune`. Refuses before the first write what is not ours. */
  async apply(objects: readonly KubeObject[]): Promise<void> {
    await this.#refuseForeign(objects);
    await this.#remember(objects);
    for (const run of runsOfKind(objects)) {
      await inParallel(run, PARALLEL, (object) => this.#applyOne(object));
      if (run[0]?.kind === 'CustomResourceDefinition') await this.#waitEstablished(run);
    }
  }

  /** Removes members that this run did not apply; CRDs, CA secrets and namespaces stay. Returns what went. */
  async prune(): Promise<KubeObject[]> {
    const stale = (await this.members()).filter((object) => !this.#applied.has(idOf(object)));
    const gone = stale.filter((object) => !isKept(object) && object.kind !== 'Namespace');
    for (const object of gone.sort((a, b) => removalRank(a) - removalRank(b))) {
      await this.#remove(object);
      this.#options.onProgress?.(object, 'pruned');
    }
    const left = stale.filter((object) => !gone.includes(object));
    const current = [...this.#applied.values(), ...left];
    await this.#writeParent(
      new Set(current.map(groupKindOf)),
      new Set(current.flatMap(({ metadata }) => metadata.namespace ?? [])),
    );
    return gone;
  }

  /** Everything on the cluster that carries this set's label, of the kinds that its memory names. */
  async members(): Promise<KubeObject[]> {
    const parent = await this.#options.client.tryGet<Parent>(configMaps, this.#parentKey(), { signal: this.#signal });
    const kinds = new Set([...split(parent?.metadata.annotations?.[GROUP_KINDS]), ...this.#groupKinds]);
    const lists = await Promise.all(
      [...kinds].sort().map(async (groupKind) => {
        const ref = await this.resources.tryFindGroupKind(groupKind);
        if (ref === undefined) return [];
        const options = { labelSelector: `${PART_OF}=${this.id}`, signal: this.#signal };
        return (await this.#options.client.listAll(ref, options)).items;
      }),
    );
    return lists.flat();
  }

  /** Forgets the set itself, after its members are gone. */
  async forget(): Promise<void> {
    await this.#options.client.delete(configMaps, this.#parentKey(), { signal: this.#signal }).catch(ignoreNotFound);
  }

  #parentKey(): { name: string; namespace: string } {
    return { name: this.#options.name, namespace: this.#options.namespace ?? 'default' };
  }

  async #refuseForeign(objects: readonly KubeObject[]): Promise<void> {
    const { client, force = false, adopt = false } = this.#options;
    if (force && adopt) return;
    const refusals: string[] = [];
    await inParallel(objects, PARALLEL, async (object) => {
      const ref = await this.resources.tryFind(object);
      const live = ref && (await client.tryGet(ref, object.metadata, { signal: this.#signal }));
      if (live === undefined) return;
      const application = argoApplicationOf(live);
      if (application && !force) {
        refusals.push(
          `${nameOf(object)} is tracked by ArgoCD application ${application}: sync it there, or pass --force`,
        );
      } else if (!adopt && isMeshPart(live) && live.metadata.labels?.[PART_OF] !== this.id) {
        refusals.push(
          `${nameOf(object)} belongs to another installation: pass --revision NAME to stand beside it, or --adopt to take it over`,
        );
      }
    });
    if (refusals.length > 0) throw new Error(`nothing was applied:\n  ${refusals.sort().join('\n  ')}`);
  }

  /** The set must know a kind before the first member exists, or a crash between would leave it unfindable. */
  async #remember(objects: readonly KubeObject[]): Promise<void> {
    const parent = await this.#options.client.tryGet<Parent>(configMaps, this.#parentKey(), { signal: this.#signal });
    for (const kind of split(parent?.metadata.annotations?.[GROUP_KINDS])) this.#groupKinds.add(kind);
    for (const name of split(parent?.metadata.annotations?.[NAMESPACES])) this.#namespaces.add(name);
    for (const object of objects) {
      this.#groupKinds.add(groupKindOf(object));
      if (object.metadata.namespace) this.#namespaces.add(object.metadata.namespace);
    }
    await this.#writeParent(this.#groupKinds, this.#namespaces);
  }

  async #writeParent(groupKinds: ReadonlySet<string>, namespaces: ReadonlySet<string>): Promise<void> {
    const parent: Parent = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        ...this.#parentKey(),
        labels: { [SET_ID]: this.id },
        annotations: {
          [TOOLING]: 'rigging/v1',
          [GROUP_KINDS]: [...groupKinds].sort().join(','),
          [NAMESPACES]: [...namespaces].sort().join(','),
        },
      },
    };
    await this.#patiently(nameOf(parent), () => this.#serverSideApply(parent));
  }

  async #applyOne(object: KubeObject): Promise<void> {
    const labelled = {
      ...object,
      metadata: { ...object.metadata, labels: { ...object.metadata.labels, [PART_OF]: this.id } },
    };
    const ref = await this.resources.find(object);
    const before = await this.#options.client.tryGet(ref, object.metadata, { signal: this.#signal });
    if (before && object.kind === 'CustomResourceDefinition') refuseDowngrade(object, before);
    const after = await this.#patiently(nameOf(object), () => this.#serverSideApply(labelled));
    this.#applied.set(idOf(object), after);
    const changed = before?.metadata.resourceVersion !== after.metadata.resourceVersion;
    this.#options.onProgress?.(after, before === undefined ? 'created' : changed ? 'configured' : 'unchanged');
  }

  async #serverSideApply(object: KubeObject): Promise<KubeObject> {
    const { client, fieldManager = 'rigging' } = this.#options;
    const ref = await this.resources.find(object);
    // Managed fields are the server's own; an object that carries them was read, not written.
    const { managedFields: _, resourceVersion: __, uid: ___, ...metadata } = object.metadata;
    return client.apply(ref, { ...object, metadata }, { fieldManager, force: true, signal: this.#signal });
  }

  /** A webhook whose server is still starting, or a namespace still being made, refuses for a while. */
  async #patiently<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const until = performance.now() + (this.#options.retryMs ?? 60_000);
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!isTransient(error) || performance.now() >= until) {
          if (error instanceof KubeError)
            throw new Error(`cannot apply ${what}: ${error.status.message ?? error.message}`, { cause: error });
          throw error;
        }
        await waitFor(RETRY_EVERY_MS, this.#signal);
      }
    }
  }

  async #waitEstablished(crds: readonly KubeObject[]): Promise<void> {
    const until = performance.now() + (this.#options.retryMs ?? 60_000);
    for (const crd of crds) {
      const ref = await this.resources.find(crd);
      for (;;) {
        this.#signal.throwIfAborted();
        const live = await this.#options.client.tryGet(ref, crd.metadata, { signal: this.#signal });
        const state = live ? isReady(live) : { ready: false, reason: 'it is not there' };
        if (state.ready) break;
        if (performance.now() >= until) throw new Error(`${nameOf(crd)} was not established: ${state.reason}`);
        await waitFor(50, this.#signal);
      }
    }
  }

  async #remove(object: KubeObject): Promise<void> {
    const ref = await this.resources.find(object);
    const { uid } = object.metadata;
    const options = { uid, propagationPolicy: 'Background', signal: this.#signal } as const;
    await this.#options.client.delete(ref, object.metadata, options).catch(ignoreNotFound);
  }
}

function refuseDowngrade(wanted: KubeObject, live: KubeObject): void {
  const stored = (live.status as { storedVersions?: string[] } | undefined)?.storedVersions ?? [];
  const ours = ((wanted.spec as { versions?: { name: string }[] } | undefined)?.versions ?? []).map(({ name }) => name);
  const lost = stored.filter((version) => !ours.includes(version));
  if (lost.length > 0) {
    throw new Error(
      `${nameOf(wanted)} on the cluster is newer: it stores ${lost.join(', ')}, which this version does not know; upgrade rigging`,
    );
  }
}

function split(list: string | undefined): string[] {
  return (list ?? '').split(',').filter((item) => item !== '');
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

function runsOfKind(objects: readonly KubeObject[]): KubeObject[][] {
  const runs: KubeObject[][] = [];
  for (const object of objects) {
    const last = runs.at(-1);
    if (last && groupKindOf(last[0]!) === groupKindOf(object)) last.push(object);
    else runs.push([object]);
  }
  return runs;
}

async function inParallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
