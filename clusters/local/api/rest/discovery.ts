// Discovery: groups, versions and resources, in the old form and in the aggregated one.
import { createHash } from 'node:crypto';
import { type ResourceDefinition, standardVerbs } from '../kinds/definition.ts';
import type { ResourceRegistry } from '../kinds/registry.ts';
import { reviewResources } from '../auth/reviews.ts';
import type { Fields } from '../object.ts';

/** What is served although nothing is stored: reviews, and bindings of pods. */
interface Transient {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}
const transients: readonly Transient[] = [
  ...reviewResources,
  { group: '', resource: 'bindings', kind: 'Binding', namespaced: true },
];

const verbsOf = (definition: ResourceDefinition): readonly string[] =>
  definition.storage === '/namespaces' ? standardVerbs.filter((verb) => verb !== 'deletecollection') : standardVerbs;

interface Sub {
  readonly name: string;
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly verbs: readonly string[];
}
function subresourcesOf(definition: ResourceDefinition): Sub[] {
  const subs: Sub[] = definition.subresources.map((sub) => ({
    ...sub,
    group: sub.group ?? '',
    version: sub.version ?? '',
  }));
  if (definition.scale !== undefined)
    subs.push({ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] });
  if (definition.hasStatus)
    subs.push({ name: 'status', kind: definition.kind, group: '', version: '', verbs: ['get', 'patch', 'update'] });
  return subs.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const definitionsOf = (registry: ResourceRegistry, group: string, version: string): ResourceDefinition[] =>
  registry.all
    .filter((item) => item.group === group && item.version === version)
    .sort((a, b) => (a.resource < b.resource ? -1 : 1));
const transientsOf = (group: string, version: string): readonly Transient[] =>
  version === 'v1' ? transients.filter((item) => item.group === group) : [];

/** Groups with their versions, the groups of reviews among them. */
export function allGroups(
  registry: ResourceRegistry,
): { readonly name: string; readonly versions: readonly string[] }[] {
  const groups = registry.groups();
  for (const name of new Set(reviewResources.map((item) => item.group)))
    if (!groups.some((group) => group.name === name)) groups.splice(2, 0, { name, versions: ['v1'] });
  return groups;
}

export function groupDocument(group: { readonly name: string; readonly versions: readonly string[] }): Fields {
  const versions = group.versions.map((version) => ({ groupVersion: `${group.name}/${version}`, version }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

export function resourceList(registry: ResourceRegistry, group: string, version: string): Fields | undefined {
  const definitions = definitionsOf(registry, group, version);
  const extra = transientsOf(group, version);
  if (definitions.length === 0 && extra.length === 0) return undefined;
  const resources: Fields[] = extra.map((item) => ({
    name: item.resource,
    singularName: item.kind.toLowerCase(),
    namespaced: item.namespaced,
    kind: item.kind,
    verbs: ['create'],
  }));
  for (const item of definitions) {
    resources.push({
      name: item.resource,
      singularName: item.singular,
      namespaced: item.namespaced,
      kind: item.kind,
      verbs: verbsOf(item),
      ...(item.shortNames.length === 0 ? {} : { shortNames: item.shortNames }),
      ...(item.categories.length === 0 ? {} : { categories: item.categories }),
      storageVersionHash:
        createHash('sha256').update(`${item.storage}/${item.kind}`).digest('base64').slice(0, 11) + '=',
    });
    for (const sub of subresourcesOf(item))
      resources.push({
        name: `${item.resource}/${sub.name}`,
        singularName: '',
        namespaced: item.namespaced,
        ...(sub.group === '' ? {} : { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      });
  }
  return {
    kind: 'APIResourceList',
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources,
  };
}

/** `APIGroupDiscoveryList` of the core group or of all others. */
export function aggregated(registry: ResourceRegistry, core: boolean): Fields {
  const groups = core ? [{ name: '', versions: ['v1'] }] : allGroups(registry);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((group) => ({
      metadata: group.name === '' ? {} : { name: group.name },
      versions: group.versions.map((version) => ({
        version,
        resources: [
          ...transientsOf(group.name, version).map((item) => ({
            resource: item.resource,
            responseKind: { group: '', version: '', kind: item.kind },
            scope: item.namespaced ? 'Namespaced' : 'Cluster',
            singularResource: item.kind.toLowerCase(),
            verbs: ['create'],
          })),
          ...definitionsOf(registry, group.name, version).map((item) => {
            const subs = subresourcesOf(item);
            return {
              resource: item.resource,
              responseKind:
                item.custom === undefined
                  ? { group: '', version: '', kind: item.kind }
                  : { group: item.group, version: item.version, kind: item.kind },
              scope: item.namespaced ? 'Namespaced' : 'Cluster',
              singularResource: item.singular,
              verbs: verbsOf(item),
              ...(item.shortNames.length === 0 ? {} : { shortNames: item.shortNames }),
              ...(item.categories.length === 0 ? {} : { categories: item.categories }),
              ...(subs.length === 0
                ? {}
                : {
                    subresources: subs.map((sub) => ({
                      subresource: sub.name,
                      responseKind:
                        item.custom === undefined || sub.group !== ''
                          ? { group: sub.group, version: sub.version, kind: sub.kind }
                          : { group: item.group, version: item.version, kind: sub.kind },
                      verbs: sub.verbs,
                    })),
                  }),
            };
          }),
        ],
        freshness: 'Current',
      })),
    })),
  };
}
