// Server-side apply and the bookkeeping of managedFields, after sigs.k8s.io/structured-merge-diff.
import { type ApiObject, clone, type Fields, isFields, list, type ManagedFields, nowText } from '../object.ts';
import type { Schema } from '../shapes/shapes.ts';
import { ApiError, type StatusCause } from '../status.ts';
import {
  changedFields,
  childOf,
  difference,
  type FieldSet,
  fieldSetOf,
  intersection,
  isLeaf,
  itemKey,
  pathsOf,
  removeFields,
  union,
} from './field-set.ts';

export interface FieldManager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  readonly apiVersion: string;
}

/** Fields that nobody owns. */
const unowned: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    'f:name': {},
    'f:namespace': {},
    'f:uid': {},
    'f:resourceVersion': {},
    'f:generation': {},
    'f:creationTimestamp': {},
    'f:deletionTimestamp': {},
    'f:deletionGracePeriodSeconds': {},
    'f:selfLink': {},
    'f:managedFields': {},
    'f:generateName': {},
  },
};

function stripUnowned(set: FieldSet): FieldSet {
  const { 'f:apiVersion': _a, 'f:kind': _k, ...rest } = set;
  const metadata = rest['f:metadata'] as FieldSet | undefined;
  if (metadata !== undefined) {
    const kept = Object.fromEntries(
      Object.entries(metadata).filter(([key]) => (unowned['f:metadata'] as Fields)[key] === undefined && key !== '.'),
    );
    if (Object.keys(kept).length === 0) delete rest['f:metadata'];
    else rest['f:metadata'] = kept;
  }
  return rest;
}

const isSameManager = (entry: ManagedFields, by: FieldManager): boolean =>
  entry.manager === by.manager &&
  entry.operation === by.operation &&
  (entry.subresource ?? '') === by.subresource &&
  (by.operation === 'Apply' || entry.apiVersion === by.apiVersion);

const isEmptySet = (set: FieldSet): boolean => Object.keys(set).length === 0;

function entryOf(by: FieldManager, fields: FieldSet, time: string): ManagedFields {
  return {
    manager: by.manager,
    operation: by.operation,
    apiVersion: by.apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(by.subresource === '' ? {} : { subresource: by.subresource }),
  };
}

/** Applies come first, then updates, each by time and name, as upstream sorts them. */
function sorted(entries: readonly ManagedFields[]): ManagedFields[] {
  const key = (entry: ManagedFields): string =>
    `${entry.operation === 'Apply' ? 0 : 1}${entry.operation === 'Apply' ? '' : (entry.time ?? '')}\u0000${entry.manager}\u0000${entry.apiVersion}\u0000${entry.subresource ?? ''}`;
  return [...entries].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Notes on `after` which fields an update set; fields that it changed leave their other owners. */
export function trackUpdate(after: ApiObject, before: ApiObject | undefined, schema: Schema, by: FieldManager): void {
  if (after.metadata.managedFields !== undefined && after.metadata.managedFields.length === 0 && before !== undefined) {
    delete after.metadata.managedFields;
    return;
  }
  const entries = clone(before?.metadata.managedFields ?? []);
  const diff = changedFields(bare(before), bare(after), schema);
  const changed = stripUnowned(diff.changed);
  const removed = stripUnowned(diff.removed);
  const result: ManagedFields[] = [];
  let isNoted = false;
  for (const entry of entries) {
    if (isSameManager(entry, by)) {
      const fields = union(difference(entry.fieldsV1, removed), changed);
      isNoted = true;
      if (isEmptySet(fields)) continue;
      const isTouched = !isEmptySet(changed) || !isEmptySet(removed);
      result.push(entryOf(by, fields, isTouched ? nowText() : (entry.time ?? nowText())));
      continue;
    }
    const fields = difference(difference(entry.fieldsV1, changed), removed);
    if (!isEmptySet(fields)) result.push({ ...entry, fieldsV1: fields });
  }
  if (!isNoted && !isEmptySet(changed)) result.push(entryOf(by, changed, nowText()));
  if (result.length > 0) after.metadata.managedFields = sorted(result);
  else delete after.metadata.managedFields;
}

function bare(object: ApiObject | undefined): Fields | undefined {
  if (object === undefined) return undefined;
  const { managedFields: _m, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Merges an applied configuration into a live object; 409 with one cause per contested field unless forced. */
export function applyConfiguration(
  live: ApiObject | undefined,
  config: ApiObject,
  schema: Schema,
  by: FieldManager,
  force: boolean,
): ApiObject {
  const applied = stripUnowned(fieldSetOf(config, schema));
  const entries = clone(live?.metadata.managedFields ?? []);
  const mine = entries.find((entry) => isSameManager(entry, by));
  const others = entries.filter((entry) => entry !== mine);
  let merged = (live === undefined ? clone(config) : mergeValue(bare(live), config, schema)) as ApiObject;
  const gone = mine === undefined ? {} : difference(mine.fieldsV1, applied);
  const abandoned = others.reduce((rest, entry) => difference(rest, entry.fieldsV1), gone);
  if (!isEmptySet(abandoned)) merged = removeFields(merged, abandoned, schema) as ApiObject;

  const changed = stripUnowned(changedFields(bare(live), merged, schema).changed);
  const contested = intersection(changed, applied);
  const causes: StatusCause[] = [];
  const kept: ManagedFields[] = [];
  for (const entry of others) {
    const clash = intersection(entry.fieldsV1, contested);
    if (isEmptySet(clash)) {
      kept.push(entry);
      continue;
    }
    for (const field of pathsOf(clash))
      causes.push({
        reason: 'FieldManagerConflict',
        message: `conflict with "${entry.manager ?? ''}"${entry.subresource === undefined ? '' : ` with subresource "${entry.subresource}"`}${entry.operation === 'Update' ? ` using ${entry.apiVersion}` : ''}`,
        field,
      });
    const rest = difference(entry.fieldsV1, clash);
    if (!isEmptySet(rest)) kept.push({ ...entry, fieldsV1: rest });
  }
  if (causes.length > 0 && !force) throw conflictError(causes);
  const isSame =
    mine !== undefined &&
    isEmptySet(difference(mine.fieldsV1, applied)) &&
    isEmptySet(difference(applied, mine.fieldsV1));
  const time = isSame && isEmptySet(changed) ? (mine.time ?? nowText()) : nowText();
  merged.metadata = {
    ...merged.metadata,
    managedFields: sorted([...kept, ...(isEmptySet(applied) ? [] : [entryOf(by, applied, time)])]),
  };
  return merged;
}

function conflictError(causes: readonly StatusCause[]): ApiError {
  const byOwner = Map.groupBy(causes, (cause) => cause.message);
  const lines = [...byOwner].map(([owner, fields]) =>
    fields.length === 1 && byOwner.size === 1
      ? `${owner}: ${fields[0]!.field}`
      : `${owner.replace('conflict with', 'conflicts with')}:\n${fields.map((cause) => `- ${cause.field}`).join('\n')}`,
  );
  return new ApiError(
    409,
    'Conflict',
    `Apply failed with ${causes.length} conflict${causes.length === 1 ? '' : 's'}: ${lines.join('\n')}`,
    { causes },
  );
}

/** Maps merge, lists merge by their keys or as sets, everything atomic is replaced. */
function mergeValue(live: unknown, config: unknown, schema: Schema | undefined): unknown {
  if (isLeaf(config, schema)) return config;
  if (Array.isArray(config)) {
    if (!Array.isArray(live) || isLeaf(live, schema)) return config;
    const incoming = new Map(config.map((item) => [itemKey(item, schema!), item]));
    const merged = list(live).map((item) => {
      const key = itemKey(item, schema!);
      const next = incoming.get(key);
      if (next === undefined) return item;
      incoming.delete(key);
      return isFields(next) ? mergeValue(item, next, schema?.items) : next;
    });
    return [...merged, ...incoming.values()];
  }
  const result: Fields = isFields(live) ? { ...live } : {};
  for (const [name, value] of Object.entries(config as Fields))
    result[name] = mergeValue(result[name], value, childOf(schema, name));
  return result;
}
