// Strategic merge patch: lists merge by the keys of the kind's shape; directives $patch, $retainKeys,
// $setElementOrder/x and $deleteFromPrimitiveList/x as k8s.io/apimachinery/pkg/util/strategicpatch reads them.
import { type Fields, isEqual, isFields, list } from '../object.ts';
import { fieldSchema, type Schema } from '../shapes/shapes.ts';
import { badRequest } from '../status.ts';

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

const strategyOf = (schema: Schema | undefined): readonly string[] =>
  String(schema?.['x-kubernetes-patch-strategy'] ?? '').split(',');
const mergeKeyOf = (schema: Schema | undefined): string | undefined =>
  schema?.['x-kubernetes-patch-merge-key'] as string | undefined;

export function strategicMerge(target: unknown, patch: Fields, schema: Schema | undefined): Fields {
  const directive = patch['$patch'];
  if (directive === 'replace') {
    const { $patch: _, ...rest } = patch;
    return rest;
  }
  if (directive === 'delete') return {};
  const result: Fields = isFields(target) ? { ...target } : {};
  const retain = patch['$retainKeys'];
  if (Array.isArray(retain)) for (const key of Object.keys(result)) if (!retain.includes(key)) delete result[key];
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys' || key === '__proto__' || key.startsWith(orderPrefix)) continue;
    if (key.startsWith(deletePrefix)) {
      const field = key.slice(deletePrefix.length);
      const gone = list(value);
      if (Array.isArray(result[field]))
        result[field] = list(result[field]).filter((item) => !gone.some((g) => isEqual(g, item)));
      continue;
    }
    const child = schema === undefined ? undefined : fieldSchema(schema, key);
    if (value === null) delete result[key];
    else if (isFields(value)) {
      const isReplaced = strategyOf(child).includes('replace');
      result[key] = isReplaced ? value : strategicMerge(result[key], value, child);
    } else if (Array.isArray(value) && strategyOf(child).includes('merge'))
      result[key] = mergeList(list(result[key]), value, list(patch[orderPrefix + key]), child!, key);
    else result[key] = value;
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix)) continue;
    const field = key.slice(orderPrefix.length);
    if (patch[field] !== undefined || !Array.isArray(result[field])) continue;
    const child = schema === undefined ? undefined : fieldSchema(schema, field);
    result[field] = inOrder(list(result[field]), list(result[field]), list(order), mergeKeyOf(child));
  }
  return result;
}

function mergeList(current: unknown[], patch: unknown[], order: unknown[], schema: Schema, name: string): unknown[] {
  const key = mergeKeyOf(schema);
  if (key === undefined) {
    const merged = [...current, ...patch.filter((item) => !current.some((other) => isEqual(item, other)))];
    return order.length === 0 ? merged : inOrder(merged, current, order, undefined);
  }
  const items = patch.filter(isFields);
  if (items.some((item) => item['$patch'] === 'replace')) return items.filter((item) => item['$patch'] !== 'replace');
  const merged = [...current];
  for (const item of items) {
    const value = item[key];
    if (value === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key} (in ${name})`);
    const index = merged.findIndex((other) => isFields(other) && isEqual(other[key], value));
    if (item['$patch'] === 'delete') {
      if (index >= 0) merged.splice(index, 1);
      continue;
    }
    const next = strategicMerge(index >= 0 ? merged[index] : {}, item, schema.items);
    if (index >= 0) merged[index] = next;
    else merged.push(next);
  }
  return inOrder(
    merged,
    current,
    order.length === 0 ? items.filter((item) => item['$patch'] === undefined) : order,
    key,
  );
}

/** Items named by the order come in it; the others keep their place relative to what was before them. */
function inOrder(items: unknown[], before: unknown[], order: unknown[], key: string | undefined): unknown[] {
  const idOf = (item: unknown): unknown => (key === undefined ? item : isFields(item) ? item[key] : undefined);
  const orderIds = order.map((item) => (key === undefined || !isFields(item) ? item : item[key]));
  const rank = (item: unknown): number => orderIds.findIndex((id) => isEqual(id, idOf(item)));
  const listed = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const positionOf = (item: unknown): number => before.findIndex((other) => isEqual(idOf(other), idOf(item)));
  const others = items.filter((item) => rank(item) < 0);
  const result: unknown[] = [];
  for (const other of others) {
    while (listed.length > 0) {
      const place = positionOf(listed[0]);
      if (place > positionOf(other)) break;
      result.push(listed.shift());
    }
    result.push(other);
  }
  return [...result, ...listed];
}
