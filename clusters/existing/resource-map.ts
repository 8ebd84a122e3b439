// apiVersion and kind of an object -> where its resource lives on this cluster, from discovery, cached.
import type { KubeClient } from '#lib/kube/client.ts';
import { isNotFound } from '#lib/kube/errors.ts';
import type { KubeObject, ResourceRef } from '#lib/kube/object.ts';

export interface ServedRef extends ResourceRef {
  readonly verbs: readonly string[];
}

type GroupVersionKind = Pick<KubeObject, 'apiVersion' | 'kind'>;

export class ResourceMap {
  readonly #client: KubeClient;
  readonly #signal: AbortSignal | undefined;
  readonly #versions = new Map<string, Promise<ServedRef[]>>();

  constructor(client: KubeClient, signal?: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** Undefined when the cluster does not serve the kind; what is not known yet is asked again. */
  async tryFind({ apiVersion, kind }: GroupVersionKind): Promise<ServedRef | undefined> {
    const cached = this.#versions.has(apiVersion);
    const found = (await this.#of(apiVersion)).find((ref) => ref.kind === kind);
    if (found || !cached) return found;
    this.#versions.delete(apiVersion);
    return (await this.#of(apiVersion)).find((ref) => ref.kind === kind);
  }

  async find(object: GroupVersionKind): Promise<ServedRef> {
    const found = await this.tryFind(object);
    if (found) return found;
    throw new Error(`the cluster does not serve ${object.kind} of ${object.apiVersion}: is its CRD installed?`);
  }

  /** `Deployment.apps`, `ConfigMap` -> the group's preferred version. */
  async tryFindGroupKind(groupKind: string): Promise<ServedRef | undefined> {
    const dot = groupKind.indexOf('.');
    const kind = dot < 0 ? groupKind : groupKind.slice(0, dot);
    if (dot < 0) return this.tryFind({ apiVersion: 'v1', kind });
    const path = `/apis/${groupKind.slice(dot + 1)}`;
    try {
      type Group = { preferredVersion?: { groupVersion: string }; versions?: { groupVersion: string }[] };
      const group = await this.#client.request<Group>(path, { signal: this.#signal });
      const versions = [group.preferredVersion, ...(group.versions ?? [])].flatMap((each) => each?.groupVersion ?? []);
      for (const apiVersion of versions) {
        const found = await this.tryFind({ apiVersion, kind });
        if (found) return found;
      }
      return undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #of(apiVersion: string): Promise<ServedRef[]> {
    let served = this.#versions.get(apiVersion);
    if (served === undefined) {
      served = this.#fetch(apiVersion);
      this.#versions.set(apiVersion, served);
      served.catch(() => this.#versions.delete(apiVersion));
    }
    return served;
  }

  async #fetch(apiVersion: string): Promise<ServedRef[]> {
    type List = { resources?: { name: string; kind: string; namespaced: boolean; verbs?: string[] }[] };
    const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
    const path = group === '' ? `/api/${version}` : `/apis/${apiVersion}`;
    try {
      const { resources = [] } = await this.#client.request<List>(path, { signal: this.#signal });
      return resources
        .filter(({ name }) => !name.includes('/'))
        .map(({ name, kind, namespaced, verbs = [] }) => ({ group, version, plural: name, kind, namespaced, verbs }));
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }
}

/** `Deployment.apps`, `ConfigMap`: how ApplySets name kinds. */
export function groupKindOf({ apiVersion, kind }: GroupVersionKind): string {
  return apiVersion.includes('/') ? `${kind}.${apiVersion.split('/')[0]}` : kind;
}

/** `Deployment istio-system/istiod`, for people. */
export function nameOf({ kind, metadata: { namespace, name } }: KubeObject): string {
  return `${kind} ${namespace ? `${namespace}/` : ''}${name}`;
}
