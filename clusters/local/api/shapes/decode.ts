// Turns a client's JSON into an object of a shape: unknown fields are noted and dropped, nulls dropped, wrong types refused.
import { type Fields, isFields } from '../object.ts';
import { badRequest } from '../status.ts';
import { isIntOrString, isQuantity, resolve, type Schema, shortNameOf } from './shapes.ts';

interface Reading {
  readonly kind: string;
  readonly version: string;
  readonly unknown: string[];
}

/** Nesting beyond this is refused. */
const maxDepth = 100;

/** @throws 400 in the words of the Go decoder where a type is wrong. */
export function decodeShape(
  value: Fields,
  schema: Schema,
  kind: string,
  version: string,
): { value: Fields; unknown: string[] } {
  const reading: Reading = { kind, version, unknown: [] };
  return { value: read(value, schema, '', kind, reading, 0) as Fields, unknown: reading.unknown };
}

function mismatch(value: unknown, struct: string, path: string, goType: string, reading: Reading): Error {
  const found = Array.isArray(value)
    ? 'array'
    : isFields(value)
      ? 'object'
      : typeof value === 'number'
        ? `number`
        : typeof value === 'boolean'
          ? 'bool'
          : typeof value;
  return badRequest(
    `${reading.kind} in version ${JSON.stringify(reading.version)} cannot be handled as a ${reading.kind}: json: cannot unmarshal ${found} into Go struct field ${struct}.${path} of type ${goType}`,
  );
}

function read(value: unknown, schema: Schema, path: string, struct: string, reading: Reading, depth: number): unknown {
  if (depth > maxDepth) throw badRequest(`the object is nested deeper than ${maxDepth} levels at ${path}`);
  if (value === null || value === undefined) return undefined;
  if (isQuantity(schema)) {
    if (typeof value === 'number') return String(value);
    if (typeof value === 'string') return value;
    throw mismatch(value, struct, path, 'resource.Quantity', reading);
  }
  const resolved = resolve(schema);
  if (isIntOrString(resolved)) {
    if (typeof value === 'number' || typeof value === 'string') return value;
    throw mismatch(value, struct, path, 'intstr.IntOrString', reading);
  }
  const name = shortNameOf(schema) || struct;
  if (resolved.type === 'array') {
    if (!Array.isArray(value))
      throw mismatch(value, struct, path, `[]${shortNameOf(resolved.items ?? {}) || 'string'}`, reading);
    const items = resolved.items ?? {};
    return value.map(
      (item, index) =>
        read(item, items, `${path}[${index}]`, struct, reading, depth + 1) ?? (items.type === 'string' ? '' : {}),
    );
  }
  if (resolved.properties !== undefined) {
    if (!isFields(value)) throw mismatch(value, struct, path, shortNameOf(schema), reading);
    const result: Fields = {};
    for (const [key, child] of Object.entries(value)) {
      const childSchema = resolved.properties[key];
      const childPath = path === '' ? key : `${path}.${key}`;
      if (childSchema === undefined) {
        reading.unknown.push(childPath);
        continue;
      }
      const read_ = read(child, childSchema, childPath, name, reading, depth + 1);
      if (read_ !== undefined) result[key] = read_;
    }
    return result;
  }
  if (typeof resolved.additionalProperties === 'object') {
    if (!isFields(value))
      throw mismatch(value, struct, path, `map[string]${resolved.additionalProperties.type ?? ''}`, reading);
    const items = resolved.additionalProperties;
    const result: Fields = {};
    for (const [key, child] of Object.entries(value)) {
      if (key === '__proto__') continue;
      result[key] =
        read(child, items, `${path}.${key}`, struct, reading, depth + 1) ?? (items.type === 'string' ? '' : {});
    }
    return result;
  }
  switch (resolved.type) {
    case 'string':
      if (typeof value !== 'string') throw mismatch(value, struct, path, 'string', reading);
      if (resolved.format === 'byte' && !/^[A-Za-z0-9+/\r\n]*={0,2}$/.test(value))
        throw badRequest(
          `${reading.kind} in version ${JSON.stringify(reading.version)} cannot be handled as a ${reading.kind}: illegal base64 data at input byte ${value.search(/[^A-Za-z0-9+/]/)}`,
        );
      return value;
    case 'integer':
      if (typeof value !== 'number' || !Number.isInteger(value))
        throw mismatch(value, struct, path, resolved.format ?? 'int32', reading);
      return value;
    case 'number':
      if (typeof value !== 'number') throw mismatch(value, struct, path, 'float64', reading);
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw mismatch(value, struct, path, 'bool', reading);
      return value;
    default:
      return value;
  }
}
