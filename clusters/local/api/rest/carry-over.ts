// What an update keeps of the object before it: identity, times, and the parts that another subresource owns.
import type { ResourceDefinition } from '../kinds/definition.ts';
import { type ApiObject, clone, type Fields, isEqual, rec } from '../object.ts';

export function carryOver(
  definition: ResourceDefinition,
  next: ApiObject,
  before: ApiObject,
  subresource: string,
): ApiObject {
  const { metadata } = next;
  const old = before.metadata;
  for (const key of [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'generateName',
  ] as const) {
    if (old[key] === undefined) delete metadata[key];
    else (metadata as unknown as Fields)[key] = old[key];
  }
  if (old.namespace !== undefined) metadata.namespace = old.namespace;
  metadata.managedFields ??= clone(old.managedFields ?? []);
  if (metadata.managedFields.length === 0 && old.managedFields === undefined) delete metadata.managedFields;
  if (subresource === 'status') {
    const kept = clone(before);
    if (next['status'] === undefined) delete kept['status'];
    else kept['status'] = next['status'];
    kept.metadata.labels = metadata.labels ?? {};
    kept.metadata.annotations = metadata.annotations ?? {};
    for (const key of ['labels', 'annotations'] as const)
      if (Object.keys(kept.metadata[key] ?? {}).length === 0 && old[key] === undefined) delete kept.metadata[key];
    if (metadata.managedFields !== undefined) kept.metadata.managedFields = metadata.managedFields;
    return kept;
  }
  if (subresource === 'ephemeralcontainers') {
    const kept = clone(before);
    rec(kept['spec'])['ephemeralContainers'] = rec(next['spec'])['ephemeralContainers'];
    return kept;
  }
  if (subresource === 'finalize') {
    const kept = clone(before);
    kept['spec'] = next['spec'];
    return kept;
  }
  if (definition.hasStatus) {
    if (before['status'] === undefined) delete next['status'];
    else next['status'] = clone(before['status']);
  }
  return next;
}

export function countGeneration(definition: ResourceDefinition, next: ApiObject, before: ApiObject): void {
  if (!definition.hasGeneration) return;
  const specOf = (object: ApiObject): Fields => {
    const { metadata: _m, status: _s, ...rest } = object;
    return definition.hasStatus ? rest : { ...rest, status: object['status'] };
  };
  if (!isEqual(specOf(next), specOf(before))) next.metadata.generation = (before.metadata.generation ?? 0) + 1;
}
