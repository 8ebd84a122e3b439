// Sets of fields in the form of FieldsV1 (a trie of `f:name`, `k:{...}`, `v:...` and `.`), walked along a schema.
import { type Fields, isEqual, isFields, list } from '../object.ts';
import { isPointer } from '../shapes/wire-fields.ts';
import { fieldSchema, isAtomicMap, isQuantity, listTypeOf, resolve, type Schema } from '../shapes/shapes.ts';

export type FieldSet = Fields;

/** Key of an item of an associative list, for example `k:{"name":"app"}`; undefined when a key field is missing. */
export function itemKey(item: unknown, schema: Schema): string | undefined {
  const type = listTypeOf(schema);
  if (type.kind === 'set') return `v:${JSON.stringify(item)}`;
  if (type.kind !== 'map' || !isFields(item)) return undefined;
  const parts: [string, unknown][] = [];
  for (const key of [...type.keys].sort()) {
    const value = item[key] ?? (key === 'protocol' ? 'TCP' : undefined);
    if (value !== undefined) parts.push([key, value]);
  }
  return parts.length === 0 ? undefined : `k:${JSON.stringify(Object.fromEntries(parts))}`;
}

/** Whether a value is owned as a whole. */
export function isLeaf(value: unknown, schema: Schema | undefined): boolean {
  if (Array.isArray(value)) {
    if (schema === undefined) return true;
    const resolved = resolve(schema);
    const type = listTypeOf({ ...resolved, ...schema });
    return (
      type.kind === 'atomic' ||
      (type.kind === 'map' && !value.every((item) => itemKey(item, { ...resolved, ...schema }) !== undefined))
    );
  }
  if (!isFields(value)) return true;
  if (schema === undefined) return true;
  const resolved = resolve(schema);
  if (isQuantity(schema) || isAtomicMap(resolved) || isAtomicMap(schema)) return true;
  if (resolved['x-kubernetes-preserve-unknown-fields'] === true) return false;
  return resolved.properties === undefined && resolved.additionalProperties === undefined;
}

/**
 * All fields of a value. `withSelves` adds a `.` for maps, lists and optional structs, as the diff of an update has
 * them; the set of an applied configuration has leaves alone, and items of lists.
 */
export function fieldSetOf(value: unknown, schema: Schema | undefined, withSelves = false): FieldSet {
  const set: FieldSet = {};
  if (Array.isArray(value) && schema !== undefined) {
    for (const item of value) {
      const key = itemKey(item, schema)!;
      set[key] = key.startsWith('v:') || !isFields(item) ? {} : withSelf(fieldSetOf(item, schema.items, withSelves));
    }
    return set;
  }
  if (!isFields(value)) return set;
  for (const [name, child] of Object.entries(value)) {
    const childSchema = childOf(schema, name);
    if (isLeaf(child, childSchema)) set[`f:${name}`] = {};
    else {
      const inner = fieldSetOf(child, childSchema, withSelves);
      const isEmpty = Object.keys(inner).length === 0;
      set[`f:${name}`] = !isEmpty && withSelves ? withSelf(inner) : inner;
    }
  }
  return set;
}

/** Whether a field can be absent: Go's maps, lists and pointers, but not its plain structs and required lists. */
function hasSelf(parent: Schema | undefined, name: string): boolean {
  if (parent?.$ref === undefined) return true;
  const resolved = resolve(parent);
  if (resolved.required?.includes(name) === true) return false;
  const child = resolved.properties?.[name];
  const isStruct = child !== undefined && resolve(child).properties !== undefined;
  return !isStruct || isPointer(parent.$ref, name);
}

/** Schema of a field, with a free-form fallback below preserve-unknown nodes. */
export function childOf(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema === undefined) return undefined;
  const found = fieldSchema(schema, name);
  if (found !== undefined) return found;
  return resolve(schema)['x-kubernetes-preserve-unknown-fields'] === true
    ? { 'x-kubernetes-preserve-unknown-fields': true }
    : undefined;
}

const isEmptySet = (set: FieldSet): boolean => Object.keys(set).length === 0;

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const result: FieldSet = { ...a };
  for (const [key, child] of Object.entries(b))
    result[key] = result[key] === undefined ? child : union(result[key] as FieldSet, child as FieldSet);
  return result;
}

/** Members of `a` that are not members of `b`. A member is a leaf of the trie or a `.`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const [key, child] of Object.entries(a)) {
    const other = b[key];
    if (other === undefined) result[key] = child;
    else {
      const left = child as FieldSet;
      if (isEmptySet(left)) continue;
      const rest = difference(left, other as FieldSet);
      if (!isEmptySet(rest)) result[key] = rest;
    }
  }
  return result;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const [key, child] of Object.entries(a)) {
    const other = b[key] as FieldSet | undefined;
    if (other === undefined) continue;
    const left = child as FieldSet;
    if (isEmptySet(left)) {
      if (isEmptySet(other)) result[key] = {};
      continue;
    }
    const both = intersection(left, other);
    if (!isEmptySet(both)) result[key] = both;
  }
  return result;
}

/** Fields whose value differs between two objects: changed and added (in `after`), and removed (only in `before`). */
export function changedFields(
  before: unknown,
  after: unknown,
  schema: Schema | undefined,
): { changed: FieldSet; removed: FieldSet } {
  const changed: FieldSet = {};
  const removed: FieldSet = {};
  const place = (set: FieldSet, key: string, child: FieldSet, evenEmpty = false): void => {
    if (evenEmpty || !isEmptySet(child)) set[key] = child;
  };
  const pair = (key: string, old: unknown, now: unknown, childSchema: Schema | undefined): void => {
    if (isEqual(old, now)) return;
    if (now === undefined) {
      removed[key] = isLeaf(old, childSchema) ? {} : withSelf(fieldSetOf(old, childSchema, true));
      return;
    }
    if (old === undefined) {
      const isWhole = !key.startsWith('f:') || hasSelf(schema, key.slice(2));
      if (isWhole) changed[key] = isLeaf(now, childSchema) ? {} : addedMember(now, childSchema, key);
      else if (isLeaf(now, childSchema)) place(changed, key, {}, !isFields(now) || Object.keys(now).length > 0);
      // Go's plain structs and required lists are always there: their content is new, they are not.
      else place(changed, key, changedFields(undefined, now, childSchema).changed);
      return;
    }
    if (isLeaf(now, childSchema) || isLeaf(old, childSchema)) {
      changed[key] = {};
      return;
    }
    const inner = changedFields(old, now, childSchema);
    place(changed, key, inner.changed);
    place(removed, key, inner.removed);
  };
  if (Array.isArray(before) || Array.isArray(after)) {
    const olds = new Map(list(before).map((item) => [itemKey(item, schema!) ?? '', item]));
    const news = new Map(list(after).map((item) => [itemKey(item, schema!) ?? '', item]));
    for (const key of new Set([...olds.keys(), ...news.keys()])) pair(key, olds.get(key), news.get(key), schema?.items);
    return { changed, removed };
  }
  const left = isFields(before) ? before : {};
  const right = isFields(after) ? after : {};
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)]))
    pair(`f:${name}`, left[name], right[name], childOf(schema, name));
  return { changed, removed };
}

const withSelf = (set: FieldSet): FieldSet => ({ '.': {}, ...set });

/** An added value and everything in it, its own membership included. */
function addedMember(value: unknown, schema: Schema | undefined, key: string): FieldSet {
  if (key.startsWith('v:')) return {};
  const inner = fieldSetOf(value, schema, true);
  return isEmptySet(inner) && !key.startsWith('k:') ? {} : withSelf(inner);
}

/** Members as paths for messages: `.spec.template.spec.containers[name="app"].image`. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  return Object.entries(set).flatMap(([key, child]) => {
    if (key === '.') return prefix === '' ? [] : [prefix];
    const step = key.startsWith('f:')
      ? `.${key.slice(2)}`
      : key.startsWith('k:')
        ? `[${Object.entries(JSON.parse(key.slice(2)) as Fields)
            .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
            .join(',')}]`
        : `[=${key.slice(2)}]`;
    return isEmptySet(child as FieldSet) ? [prefix + step] : pathsOf(child as FieldSet, prefix + step);
  });
}

/** Removes the members of a set from a value. */
export function removeFields(value: unknown, set: FieldSet, schema: Schema | undefined): unknown {
  if (Array.isArray(value) && schema !== undefined)
    return value.flatMap((item) => {
      const key = itemKey(item, schema);
      const sub = key === undefined ? undefined : (set[key] as FieldSet | undefined);
      if (sub === undefined) return [item];
      if (isEmptySet(sub) || sub['.'] !== undefined) return [];
      return [removeFields(item, sub, schema.items)];
    });
  if (!isFields(value)) return value;
  const result: Fields = {};
  for (const [name, child] of Object.entries(value)) {
    const sub = set[`f:${name}`] as FieldSet | undefined;
    if (sub === undefined) result[name] = child;
    else if (isEmptySet(sub)) continue;
    else {
      const childSchema = childOf(schema, name);
      const rest = removeFields(child, sub, childSchema);
      const isGone = (isFields(rest) && Object.keys(rest).length === 0) || (Array.isArray(rest) && rest.length === 0);
      if (!isGone) result[name] = rest;
    }
  }
  return result;
}
