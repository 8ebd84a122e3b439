// Holds a value against a schema: types, limits, required and exclusive fields, unknown fields with the nearest valid name.
import { tryDurationMs } from './duration.ts';
import type { Findings } from './findings.ts';
import { joinPath, nearestName } from './problem.ts';
import type { Schema } from './schema.ts';

/** Deeper nesting than any schema of ours has; guards against hostile input. */
const MAX_DEPTH = 64;

/** Adds everything in which `value` differs from the schema's shape. */
export function checkShape(schema: Schema, value: unknown, path: string, findings: Findings, depth = 0): void {
  if (depth > MAX_DEPTH) {
    findings.error(path, 'too-deep', `nested deeper than ${MAX_DEPTH} levels`);
    return;
  }
  const { json } = schema;
  if (value === null && json.nullable) return;
  if (json['x-kubernetes-int-or-string']) {
    if (typeof value !== 'string' && !Number.isInteger(value))
      typeError('an integer or a string', value, path, findings);
    return;
  }
  if (json.type === 'string') {
    if (typeof value === 'string') checkText(schema, value, path, findings);
    else typeError('a string', value, path, findings);
  } else if (json.type === 'boolean') {
    if (typeof value !== 'boolean') typeError('true or false', value, path, findings);
  } else if (json.type === 'integer' || json.type === 'number') {
    checkNumber(schema, value, path, findings);
  } else if (json.type === 'array') {
    if (Array.isArray(value)) checkList(schema, value, path, findings, depth);
    else typeError('a list', value, path, findings);
  } else if (json.type === 'object') {
    if (isRecord(value)) checkObject(schema, value, path, findings, depth);
    else typeError('an object', value, path, findings);
  }
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function typeError(expected: string, value: unknown, path: string, findings: Findings): void {
  const actual =
    value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : shown(value);
  const quoted = expected === 'a string' && (typeof value === 'number' || typeof value === 'boolean');
  findings.error(
    path,
    'wrong-type',
    `must be ${expected}, got ${actual}`,
    quoted ? 'put the value in quotes' : undefined,
  );
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 120);

function checkText(schema: Schema, value: string, path: string, findings: Findings): void {
  const { json } = schema;
  if (json.enum && !json.enum.includes(value)) {
    const nearest = nearestName(value, json.enum);
    findings.error(
      path,
      'unknown-value',
      `unknown value ${shown(value)}, valid are ${json.enum.join(', ')}`,
      nearest ? `did you mean ${nearest}?` : undefined,
    );
  }
  if (json.minLength !== undefined && value.length < json.minLength) {
    findings.error(
      path,
      'too-short',
      value === '' ? 'must not be empty' : `must have at least ${json.minLength} characters`,
    );
  }
  if (json.maxLength !== undefined && value.length > json.maxLength) {
    findings.error(path, 'too-long', `must have at most ${json.maxLength} characters, has ${value.length}`);
  }
  if (json.pattern !== undefined && value.length <= 4096 && !new RegExp(json.pattern).test(value)) {
    findings.error(path, 'wrong-form', `${shown(value)} does not have the form ${json.pattern}`);
  }
  if (schema.form) checkDuration(value, path, findings, schema.form === 'duration-or-zero');
}

/** At least one millisecond, in whole milliseconds: what Envoy's timers take. */
function checkDuration(value: string, path: string, findings: Findings, orZero: boolean): void {
  const ms = tryDurationMs(value);
  if (ms === undefined) {
    const bare = /^\d+$/.test(value);
    findings.error(
      path,
      'bad-duration',
      `${shown(value)} is not a duration`,
      bare ? `write ${value}s or ${value}ms` : 'write it as 250ms, 5s or 1m30s',
    );
  } else if (ms < 1 && !(orZero && ms === 0)) {
    findings.error(path, 'bad-duration', `must be at least 1ms, got ${shown(value)}`);
  } else if (Math.abs(ms - Math.round(ms)) > 1e-6) {
    findings.error(path, 'bad-duration', `must be whole milliseconds, got ${shown(value)}`);
  }
}

function checkNumber(schema: Schema, value: unknown, path: string, findings: Findings): void {
  const { json } = schema;
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    const hint =
      typeof value === 'string' && value !== '' && Number.isFinite(Number(value)) ? 'take off the quotes' : undefined;
    findings.error(path, 'wrong-type', `must be a number, got ${value === null ? 'null' : shown(value)}`, hint);
    return;
  }
  if (json.type === 'integer' && !Number.isInteger(value)) {
    findings.error(path, 'wrong-type', `must be a whole number, got ${value}`);
    return;
  }
  const minimum = json.minimum ?? (json.format === 'int32' ? -2147483648 : undefined);
  const maximum = json.maximum ?? (json.format === 'int32' ? 2147483647 : undefined);
  if (minimum !== undefined && value < minimum)
    findings.error(path, 'out-of-range', `must be at least ${minimum}, got ${value}`);
  if (maximum !== undefined && value > maximum)
    findings.error(path, 'out-of-range', `must be at most ${maximum}, got ${value}`);
}

function checkList(schema: Schema, value: readonly unknown[], path: string, findings: Findings, depth: number): void {
  const { minItems, maxItems } = schema.json;
  if (minItems !== undefined && value.length < minItems)
    findings.error(path, 'too-few', `must have at least ${minItems} entries`);
  if (maxItems !== undefined && value.length > maxItems) {
    findings.error(path, 'too-many', `must have at most ${maxItems} entries, has ${value.length}`);
    return;
  }
  const { items } = schema;
  if (!items) return;
  for (const [index, item] of value.entries()) checkShape(items, item, joinPath(path, index), findings, depth + 1);
}

function checkObject(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  findings: Findings,
  depth: number,
): void {
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  const { json, values, fields } = schema;
  if (values) {
    if (json.minProperties !== undefined && names.length < json.minProperties) {
      findings.error(path, 'too-few', `must have at least ${json.minProperties} entries`);
    }
    if (json.maxProperties !== undefined && names.length > json.maxProperties) {
      findings.error(path, 'too-many', `must have at most ${json.maxProperties} entries, has ${names.length}`);
      return;
    }
    for (const name of names) checkShape(values, value[name], joinPath(path, name), findings, depth + 1);
    return;
  }
  if (!fields) return;
  for (const name of names) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field) {
      checkShape(field, value[name], joinPath(path, name), findings, depth + 1);
      const instead = schema.deprecated[name];
      if (instead !== undefined) findings.warn(joinPath(path, name), 'deprecated-field', `is deprecated, ${instead}`);
    } else if (!json['x-kubernetes-preserve-unknown-fields']) {
      const nearest = nearestName(name, Object.keys(fields));
      findings.error(
        joinPath(path, name),
        'unknown-field',
        `unknown field ${shown(name)}`,
        nearest ? `did you mean ${nearest}?` : `valid are ${Object.keys(fields).join(', ')}`,
      );
    }
  }
  for (const name of json.required ?? []) {
    if (value[name] === undefined) findings.error(joinPath(path, name), 'required', 'is required');
  }
  for (const group of schema.exclusive) {
    const set = group.filter((name) => value[name] !== undefined);
    if (set.length > 1)
      findings.error(path, 'exclusive', `only one of ${group.join(', ')} may be set, got ${set.join(' and ')}`);
  }
}
