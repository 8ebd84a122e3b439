// Every resource type that a cluster serves, each in its group's preferred version.
import type { KubeClient } from '#lib/kube/client.ts';
import type { ServedRef } from './resource-map.ts';

interface Groups {
  groups?: { preferredVersion?: { groupVersion: string } }[];
}
interface Resources {
  resources?: { name: string; kind: string; namespaced: boolean; verbs?: string[] }[];
}

/** Groups whose server does not answer (aggregated APIs) are left out. */
export async function servedResources(client: KubeClient, signal?: AbortSignal): Promise<ServedRef[]> {
  const { groups = [] } = await client.request<Groups>('/apis', { signal });
  const versions = ['v1', ...groups.flatMap(({ preferredVersion }) => preferredVersion?.groupVersion ?? [])];
  const lists = await Promise.all(
    versions.map(async (groupVersion) => {
      const [group, version] = groupVersion.includes('/')
        ? (groupVersion.split('/') as [string, string])
        : ['', groupVersion];
      const path = group === '' ? `/api/${version}` : `/apis/${groupVersion}`;
      const { resources = [] } = await client.request<Resources>(path, { signal }).catch(() => ({}) as Resources);
      return resources
        .filter(({ name }) => !name.includes('/'))
        .map(({ name, kind, namespaced, verbs = [] }) => ({ group, version, plural: name, kind, namespaced, verbs }));
    }),
  );
  return lists.flat();
}
