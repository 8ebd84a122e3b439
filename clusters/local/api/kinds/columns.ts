// Cells that many tables share: age, labels as text, counts.
import { at, isFields, list, num, rec, recs, str } from '../object.ts';
import type { Column } from './definition.ts';

/** `5d3h`, `47s`: k8s.io/apimachinery/pkg/util/duration.HumanDuration. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  if (hours < 24 * 365 * 8) return days % 365 === 0 ? `${years}y` : `${years}y${days % 365}d`;
  return `${years}y`;
}

export const ageOf = (time: unknown): string =>
  typeof time === 'string' ? humanDuration(Date.now() - Date.parse(time)) : '<unknown>';

export const nameColumn: Column = {
  name: 'Name',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  cell: (object) => object.metadata.name,
};
export const ageColumn: Column = { name: 'Age', cell: (object) => ageOf(object.metadata.creationTimestamp) };

export const column = (name: string, cell: Column['cell'], type: Column['type'] = 'string', wide = false): Column => ({
  name,
  type,
  wide,
  cell,
});
export const wide = (name: string, cell: Column['cell'], type: Column['type'] = 'string'): Column =>
  column(name, cell, type, true);

export const orNone = (value: unknown): string => {
  const text = Array.isArray(value) ? value.map(String).join(',') : typeof value === 'string' ? value : '';
  return text === '' ? '<none>' : text;
};

export function selectorText(selector: unknown): string {
  const labels =
    isFields(at(selector, 'matchLabels')) || at(selector, 'matchExpressions') !== undefined
      ? rec(at(selector, 'matchLabels'))
      : rec(selector);
  const parts = Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .sort();
  for (const expression of recs(at(selector, 'matchExpressions'))) {
    const key = str(expression['key']);
    const values = list(expression['values']).join(',');
    const operator = str(expression['operator']);
    if (operator === 'In') parts.push(`${key} in (${values})`);
    else if (operator === 'NotIn') parts.push(`${key} notin (${values})`);
    else parts.push(operator === 'Exists' ? key : `!${key}`);
  }
  return parts.length === 0 ? '<none>' : parts.join(',');
}

export const containerNames = (spec: unknown): string =>
  recs(at(spec, 'containers'))
    .map((container) => str(container['name']))
    .join(',');
export const containerImages = (spec: unknown): string =>
  recs(at(spec, 'containers'))
    .map((container) => str(container['image']))
    .join(',');

export const templateColumns: readonly Column[] = [
  wide('Containers', (object) => containerNames(at(object, 'spec', 'template', 'spec'))),
  wide('Images', (object) => containerImages(at(object, 'spec', 'template', 'spec'))),
];
export const specNumber =
  (...path: string[]) =>
  (object: unknown): number =>
    num(at(object, ...path));
