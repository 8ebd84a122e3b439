// google.protobuf.Struct to plain objects and back.
import type { Struct, StructValue } from '#wire/xds.ts';

type Plain = Record<string, unknown>;

/** A Struct as a plain object; what is plain already stays. */
export function plainStruct(struct: unknown): Plain {
  if (typeof struct !== 'object' || struct === null) return {};
  const { fields } = struct as Struct;
  if (fields === undefined || typeof fields !== 'object') return { ...(struct as Plain) };
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plainValue(value)]));
}

function plainValue(value: StructValue): unknown {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.numberValue !== undefined) return value.numberValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.structValue !== undefined) return plainStruct({ fields: {}, ...value.structValue });
  if (value.listValue !== undefined) return (value.listValue.values ?? []).map(plainValue);
  return null;
}

/** Metadata of an xDS resource: plain objects by filter name. */
export function filterMetadata(metadata: unknown): Readonly<Record<string, Plain>> {
  const filters = ((metadata as { filterMetadata?: Plain } | undefined)?.filterMetadata ?? {}) as Plain;
  return Object.fromEntries(Object.entries(filters).map(([name, struct]) => [name, plainStruct(struct)]));
}
