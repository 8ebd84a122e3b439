// Which resource types the API server serves right now, built-in and custom.
import type { KubeClient } from '#lib/kube/client.ts';
import type { ResourceRef } from '#lib/kube/object.ts';

export interface ServedResource extends ResourceRef {
  readonly verbs: readonly string[];
}

interface ResourceList {
  resources?: { name: string; kind: string; namespaced: boolean; verbs?: string[] }[];
}
interface GroupList {
  groups?: { name: string; preferredVersion?: { groupVersion: string; version: string } }[];
}

/** One entry per resource, in its group's preferred version. A group whose list fails throws: content would be missed. */
export async function servedResources(client: KubeClient, signal: AbortSignal): Promise<ServedResource[]> {
  const groups = await client.request<GroupList>('/apis', { signal });
  const versions = [
    { group: '', version: 'v1', path: '/api/v1' },
    ...(groups.groups ?? []).flatMap(({ name, preferredVersion }) =>
      preferredVersion
        ? [{ group: name, version: preferredVersion.version, path: `/apis/${preferredVersion.groupVersion}` }]
        : [],
    ),
  ];
  const lists = await Promise.all(
    versions.map(async ({ group, version, path }) => {
      const { resources = [] } = await client.request<ResourceList>(path, { signal });
      return resources
        .filter(({ name }) => !name.includes('/'))
        .map(({ name, kind, namespaced, verbs = [] }) => ({ group, version, plural: name, kind, namespaced, verbs }));
    }),
  );
  return lists.flat();
}
