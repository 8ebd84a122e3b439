// Field types of built-in kinds, and the one view on a schema that patching, apply, decoding and CRDs share.
import definitionsText from './generated/definitions.ts';

/** A node of an OpenAPI schema, v2 or structural v3, as far as we read it. */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly $ref?: string;
  readonly description?: string;
  readonly properties?: { readonly [name: string]: Schema };
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly [key: string]: unknown;
}

export const definitions: { readonly [name: string]: Schema } = JSON.parse(definitionsText) as {
  readonly [name: string]: Schema;
};
const byKind = new Map<string, string>();
for (const [name, definition] of Object.entries(definitions)) {
  const kinds = definition['x-kubernetes-group-version-kind'];
  if (!Array.isArray(kinds)) continue;
  for (const kind of kinds as { group: string; version: string; kind: string }[])
    byKind.set(`${kind.group}/${kind.version}/${kind.kind}`, name);
}

export const shapeNameOf = (group: string, version: string, kind: string): string | undefined =>
  byKind.get(`${group}/${version}/${kind}`);

const refPrefix = '#/definitions/';

/** The schema behind a reference. */
export function resolve(schema: Schema): Schema {
  let here = schema;
  while (here.$ref !== undefined) here = definitions[here.$ref.slice(refPrefix.length)] ?? {};
  return here;
}

export const objectMetaShape: Schema = { $ref: `${refPrefix}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta` };
export const shapeRef = (name: string): Schema => ({ $ref: refPrefix + name });

/** Name of the definition that a node refers to, for messages. */
export const shortNameOf = (schema: Schema): string => schema.$ref?.slice(schema.$ref.lastIndexOf('.') + 1) ?? '';

/** Quantities, micro-times and int-or-string are scalars although their definitions are references. */
export const isIntOrString = (schema: Schema): boolean =>
  schema['x-kubernetes-int-or-string'] === true || schema.format === 'int-or-string';
export const isQuantity = (schema: Schema): boolean => schema.$ref?.endsWith('.resource.Quantity') === true;

/** How a list is owned and merged. */
export type ListType =
  | { readonly kind: 'atomic' }
  | { readonly kind: 'set' }
  | { readonly kind: 'map'; readonly keys: readonly string[] };

export function listTypeOf(schema: Schema): ListType {
  const type = schema['x-kubernetes-list-type'];
  if (type === 'map')
    return { kind: 'map', keys: (schema['x-kubernetes-list-map-keys'] as string[] | undefined) ?? ['name'] };
  if (type === 'set') return { kind: 'set' };
  if (type === undefined) {
    // Definitions without a list type but with a merge key are associative for apply too.
    const strategy = schema['x-kubernetes-patch-strategy'];
    const key = schema['x-kubernetes-patch-merge-key'];
    if (typeof strategy === 'string' && strategy.includes('merge'))
      return typeof key === 'string' ? { kind: 'map', keys: [key] } : { kind: 'set' };
  }
  return { kind: 'atomic' };
}

export const isAtomicMap = (schema: Schema): boolean => schema['x-kubernetes-map-type'] === 'atomic';

/** Schema of a field of an object or map; undefined where it is unknown. */
export function fieldSchema(schema: Schema, name: string): Schema | undefined {
  const resolved = resolve(schema);
  const property = resolved.properties?.[name];
  if (property !== undefined) return property;
  return typeof resolved.additionalProperties === 'object' ? resolved.additionalProperties : undefined;
}
