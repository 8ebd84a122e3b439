// Label and field selectors of list, watch and deletecollection, and LabelSelector objects.
import type { ResourceDefinition } from './kinds/definition.ts';
import { type ApiObject, at, isFields, recs, rec, str, strings } from './object.ts';
import { badRequest } from './status.ts';

export type Match = (object: ApiObject) => boolean;

const maxSelectorLength = 16 * 1024;
type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

/** `a=b,c!=d,e in (f,g),h,!i,j>3` as k8s.io/apimachinery/pkg/labels parses it. */
export function parseLabelSelector(text: string): LabelTest {
  if (text.length > maxSelectorLength)
    throw badRequest(`label selector is longer than ${maxSelectorLength} characters`);
  const tests: LabelTest[] = [];
  let rest = text.trim();
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const match = pattern.exec(rest);
    if (match === null) return undefined;
    rest = rest.slice(match[0].length).trimStart();
    return match;
  };
  while (rest !== '') {
    const negated = take(/^!/) !== undefined;
    const key = take(/^[A-Za-z0-9][-A-Za-z0-9_./]*/)?.[0];
    if (key === undefined) throw badRequest(`unable to parse requirement: found '${rest}', expected: identifier`);
    if (negated) tests.push((labels) => labels[key] === undefined);
    else {
      const set = take(/^(in|notin)\s*\(([^)]*)\)/);
      const compare = set === undefined ? take(/^(==|=|!=|>|<)\s*([^,\s]*)/) : undefined;
      if (set !== undefined) {
        const values = new Set(set[2]!.split(',').map((value) => value.trim()));
        const isIn = set[1] === 'in';
        tests.push((labels) =>
          isIn
            ? labels[key] !== undefined && values.has(labels[key])
            : labels[key] === undefined || !values.has(labels[key]),
        );
      } else if (compare === undefined) tests.push((labels) => labels[key] !== undefined);
      else {
        const value = compare[2]!;
        const operator = compare[1]!;
        if (operator === '!=') tests.push((labels) => labels[key] !== value);
        else if (operator === '>') tests.push((labels) => Number(labels[key]) > Number(value));
        else if (operator === '<') tests.push((labels) => Number(labels[key]) < Number(value));
        else tests.push((labels) => labels[key] === value);
      }
    }
    if (rest === '') break;
    if (take(/^,/) === undefined)
      throw badRequest(
        `unable to parse requirement: found '${rest.split(/[\s,]/)[0]}', expected: ',' or 'end of string'`,
      );
  }
  return (labels) => tests.every((test) => test(labels));
}

export function parseFieldSelector(text: string, definition: ResourceDefinition): Match {
  if (text.length > maxSelectorLength)
    throw badRequest(`field selector is longer than ${maxSelectorLength} characters`);
  const tests = text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part): Match => {
      const match = /^([^=!]+?)(==|=|!=)(.*)$/.exec(part.trim());
      if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
      const [, field = '', operator, wanted = ''] = match;
      const value = fieldReader(field, definition);
      return operator === '!=' ? (object) => value(object) !== wanted : (object) => value(object) === wanted;
    });
  return (object) => tests.every((test) => test(object));
}

function fieldReader(field: string, definition: ResourceDefinition): (object: ApiObject) => string {
  if (field === 'metadata.name') return (object) => object.metadata.name;
  if (field === 'metadata.namespace' && definition.namespaced) return (object) => object.metadata.namespace ?? '';
  const own = definition.rules.selectable?.[field];
  if (own !== undefined) return own;
  if (definition.rules.selectable === undefined)
    throw badRequest(`"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
  throw badRequest(`field label not supported: ${field}`);
}

/** A metav1.LabelSelector; the empty one matches everything. */
export function matchesLabelSelector(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  if (!isFields(selector)) return true;
  for (const [key, value] of Object.entries(rec(selector['matchLabels']))) if (labels[key] !== value) return false;
  return recs(at(selector, 'matchExpressions')).every((expression) => {
    const value = labels[str(expression['key'])];
    const values = strings(expression['values']);
    switch (expression['operator']) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        return false;
    }
  });
}

/** Both selectors of a request as one test. */
export function requestMatch(query: URLSearchParams, definition: ResourceDefinition): Match | undefined {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  if (labelText === '' && fieldText === '') return undefined;
  const labels = labelText === '' ? undefined : parseLabelSelector(labelText);
  const fields = fieldText === '' ? undefined : parseFieldSelector(fieldText, definition);
  return (object) =>
    (labels === undefined || labels(object.metadata.labels ?? {})) && (fields === undefined || fields(object));
}
