// Structural schemas of CustomResourceDefinitions: pruning, defaulting and value validation.
import { Buffer } from 'node:buffer';
import { RE2JS } from 're2js';
import type { FieldProblems } from '../field-problems.ts';
import { type Fields, isEqual, isFields, list, strings } from '../object.ts';
import type { Schema } from '../shapes/shapes.ts';

const preserves = (schema: Schema): boolean => schema['x-kubernetes-preserve-unknown-fields'] === true;
const embedded = (schema: Schema): boolean => schema['x-kubernetes-embedded-resource'] === true;

/** Drops what the schema does not know, and names it. Root type fields are always known. */
export function pruneUnknown(
  value: Fields,
  schema: Schema,
  preserveAll: boolean,
): { value: Fields; unknown: string[] } {
  const unknown: string[] = [];
  const walk = (item: unknown, node: Schema, path: string, isRoot: boolean, depth: number): unknown => {
    if (depth > 100) return undefined;
    if (Array.isArray(item))
      return item.map((child, index) => walk(child, node.items ?? {}, `${path}[${index}]`, false, depth + 1));
    if (!isFields(item)) return item;
    const result: Fields = {};
    for (const [key, child] of Object.entries(item)) {
      if (key === '__proto__') continue;
      const childPath = path === '' ? key : `${path}.${key}`;
      const isType = (isRoot || embedded(node)) && ['apiVersion', 'kind', 'metadata'].includes(key);
      const property =
        node.properties?.[key] ??
        (typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined);
      if (isType && key !== 'metadata') result[key] = child;
      else if (isType) result[key] = child;
      else if (property !== undefined) result[key] = walk(child, property, childPath, false, depth + 1);
      else if (preserves(node) || preserveAll || node.additionalProperties === true) result[key] = child;
      else unknown.push(childPath);
    }
    return result;
  };
  return { value: walk(value, schema, '', true, 0) as Fields, unknown };
}

/** Fills in the schema's defaults, and drops nulls where a default or non-nullable field is meant. */
export function applyDefaults(value: unknown, schema: Schema): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) applyDefaults(item, schema.items);
    return;
  }
  if (!isFields(value)) return;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (value[key] === null && property.nullable !== true && property.default !== undefined) delete value[key];
    if (value[key] === undefined && property.default !== undefined) value[key] = structuredClone(property.default);
    if (value[key] !== undefined) applyDefaults(value[key], property);
  }
  if (typeof schema.additionalProperties === 'object')
    for (const item of Object.values(value)) applyDefaults(item, schema.additionalProperties);
}

const typeName = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'array'
      : typeof value === 'number'
        ? Number.isInteger(value)
          ? 'integer'
          : 'number'
        : typeof value;

function hasType(value: unknown, type: string): boolean {
  const actual = typeName(value);
  return actual === type || (type === 'number' && actual === 'integer');
}

const patterns = new Map<string, RE2JS>();
function matches(pattern: string, text: string): boolean {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    if (patterns.size > 2000) patterns.clear();
    compiled = RE2JS.compile(pattern);
    patterns.set(pattern, compiled);
  }
  return compiled.matcher(text).find();
}

/** Value validation in the words of kube-openapi's validator, which the real server shows for custom resources. */
export function validateSchema(value: unknown, schema: Schema, path: string, problems: FieldProblems): void {
  if (value === null && schema.nullable === true) return;
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof value !== 'string' && typeName(value) !== 'integer')
      problems.typeInvalid(
        path,
        typeName(value),
        `${path} in body must be of type integer,string: ${JSON.stringify(typeName(value))}`,
      );
  } else if (schema.type !== undefined && !hasType(value, schema.type)) {
    problems.typeInvalid(
      path,
      typeName(value),
      `${path} in body must be of type ${schema.type}: ${JSON.stringify(typeName(value))}`,
    );
    return;
  }
  if (Array.isArray(schema.enum) && !schema.enum.some((choice) => isEqual(choice, value)))
    problems.notSupported(path, value, schema.enum.map(String));
  if (typeof value === 'string') validateString(value, schema, path, problems);
  else if (typeof value === 'number') validateNumber(value, schema, path, problems);
  else if (Array.isArray(value)) validateList(value, schema, path, problems);
  else if (isFields(value)) validateMap(value, schema, path, problems);
  validateCombinations(value, schema, path, problems);
}

function validateString(value: string, schema: Schema, path: string, problems: FieldProblems): void {
  const length = [...value].length;
  const min = schema['minLength'];
  const max = schema['maxLength'];
  if (typeof min === 'number' && length < min)
    problems.invalid(path, value, `${path} in body should be at least ${min} chars long`);
  if (typeof max === 'number' && length > max)
    problems.all.push({
      type: 'FieldValueTooLong',
      field: path,
      message: `Too long: may not be more than ${max} bytes`,
    });
  const pattern = schema['pattern'];
  if (typeof pattern === 'string' && !matches(pattern, value))
    problems.invalid(path, value, `${path} in body should match '${pattern}'`);
  const format = schema.format;
  const isWrong =
    (format === 'date-time' && Number.isNaN(Date.parse(value))) ||
    (format === 'byte' &&
      Buffer.from(value, 'base64').toString('base64').replace(/=+$/, '') !== value.replace(/=+$/, '')) ||
    (format === 'uuid' && !/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(value));
  if (isWrong) problems.invalid(path, value, `${path} in body must be of type ${format}: ${JSON.stringify(value)}`);
}

function validateNumber(value: number, schema: Schema, path: string, problems: FieldProblems): void {
  const { minimum, maximum, multipleOf } = schema as { minimum?: number; maximum?: number; multipleOf?: number };
  const low = schema['exclusiveMinimum'] === true;
  const high = schema['exclusiveMaximum'] === true;
  if (typeof minimum === 'number' && (low ? value <= minimum : value < minimum))
    problems.invalid(path, value, `${path} in body should be greater than ${low ? '' : 'or equal to '}${minimum}`);
  if (typeof maximum === 'number' && (high ? value >= maximum : value > maximum))
    problems.invalid(path, value, `${path} in body should be less than ${high ? '' : 'or equal to '}${maximum}`);
  if (typeof multipleOf === 'number' && value % multipleOf !== 0)
    problems.invalid(path, value, `${path} in body should be a multiple of ${multipleOf}`);
}

function validateList(value: unknown[], schema: Schema, path: string, problems: FieldProblems): void {
  const min = schema['minItems'];
  const max = schema['maxItems'];
  if (typeof min === 'number' && value.length < min)
    problems.invalid(path, value.length, `${path} in body should have at least ${min} items`);
  if (typeof max === 'number' && value.length > max)
    problems.all.push({
      type: 'FieldValueTooMany',
      field: path,
      message: `Too many: ${value.length}: must have at most ${max} items`,
    });
  const type = schema['x-kubernetes-list-type'];
  const keys = strings(schema['x-kubernetes-list-map-keys']);
  const seen: unknown[] = [];
  for (const [index, item] of value.entries()) {
    if (schema.items !== undefined) validateSchema(item, schema.items, `${path}[${index}]`, problems);
    if (type !== 'set' && type !== 'map' && schema['uniqueItems'] !== true) continue;
    const id = type === 'map' && isFields(item) ? Object.fromEntries(keys.map((key) => [key, item[key]])) : item;
    if (seen.some((other) => isEqual(other, id))) problems.duplicate(`${path}[${index}]`, id);
    seen.push(id);
  }
}

function validateMap(value: Fields, schema: Schema, path: string, problems: FieldProblems): void {
  const under = (key: string): string => (path === '' || path === '<nil>' ? key : `${path}.${key}`);
  for (const key of strings(schema.required)) if (value[key] === undefined) problems.required(under(key));
  const min = schema['minProperties'];
  const max = schema['maxProperties'];
  const size = Object.keys(value).length;
  if (typeof min === 'number' && size < min)
    problems.invalid(path, size, `${path} in body should have at least ${min} properties`);
  if (typeof max === 'number' && size > max)
    problems.all.push({
      type: 'FieldValueTooMany',
      field: path,
      message: `Too many: ${size}: must have at most ${max} items`,
    });
  for (const [key, child] of Object.entries(value)) {
    if (
      path === '' &&
      ['apiVersion', 'kind', 'metadata'].includes(key) &&
      schema.properties?.[key]?.properties === undefined
    )
      continue;
    const node =
      schema.properties?.[key] ??
      (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
    if (node !== undefined) validateSchema(child, node, under(key), problems);
  }
}

function isValid(value: unknown, schema: Schema, path: string, make: () => FieldProblems): boolean {
  const inner = make();
  validateSchema(value, schema, path, inner);
  return inner.all.length === 0;
}

function validateCombinations(value: unknown, schema: Schema, path: string, problems: FieldProblems): void {
  const make = (): FieldProblems => new (problems.constructor as new () => FieldProblems)();
  const label = path === '' ? '<nil>' : path;
  const text = isFields(value) || Array.isArray(value) ? '' : value;
  const branches = (key: string): Schema[] => list(schema[key]).filter(isFields) as Schema[];
  for (const branch of branches('allOf')) validateSchema(value, branch, path, problems);
  const any = branches('anyOf');
  if (any.length > 0 && !any.some((branch) => isValid(value, branch, path, make)))
    problems.invalid(label, text, `${label} in body must validate at least one schema (anyOf)`);
  const one = branches('oneOf');
  if (one.length > 0) {
    const count = one.filter((branch) => isValid(value, branch, path, make)).length;
    if (count !== 1)
      problems.invalid(
        label,
        text,
        `${label} in body must validate one and only one schema (oneOf). Found ${count === 0 ? 'none valid' : `${count} valid alternatives`}`,
      );
  }
  const not = schema['not'];
  if (isFields(not) && isValid(value, not as Schema, path, make))
    problems.invalid(label, text, `${label} in body must not validate the schema (not)`);
}
