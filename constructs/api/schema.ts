// The schema language of our kinds: one expression is the structural JSON schema, the TypeScript type and the shape validator.
import type { CelRule, JsonSchema } from './json-schema.ts';

/** A value's shape. `T` is the TypeScript type of a valid value. */
export interface Schema<T = unknown> {
  readonly json: JsonSchema;
  /** Groups of field names of which at most one may be set. */
  readonly exclusive: readonly (readonly string[])[];
  readonly fields: Readonly<Record<string, Schema>> | undefined;
  readonly items: Schema | undefined;
  readonly values: Schema | undefined;
  /** Text such as `1m30s`, checked for form and range. */
  readonly form: 'duration' | 'duration-or-zero' | undefined;
  /** Fields that still work and should not be used, with what to use instead. */
  readonly deprecated: Readonly<Record<string, string>>;
  /** Never set: carries `T`. */
  readonly valueType?: T;
}

/** The TypeScript type of a schema's values. */
export type TypeOf<S> = S extends Schema<infer T> ? T : never;

type Fields = Readonly<Record<string, Schema>>;
type Flat<T> = { [K in keyof T]: T[K] };
type ObjectOf<F extends Fields, R extends keyof F> = Flat<
  { readonly [K in R]: TypeOf<F[K]> } & { readonly [K in Exclude<keyof F, R>]?: TypeOf<F[K]> | undefined }
>;

const node = <T>(json: JsonSchema, more: Partial<Omit<Schema<T>, 'json'>> = {}): Schema<T> => ({
  json,
  exclusive: [],
  fields: undefined,
  items: undefined,
  values: undefined,
  form: undefined,
  deprecated: {},
  ...more,
});

type Text = Pick<JsonSchema, 'minLength' | 'maxLength' | 'pattern' | 'format' | 'x-kubernetes-validations'>;
type Range = Pick<JsonSchema, 'minimum' | 'maximum' | 'nullable' | 'x-kubernetes-validations'>;

export const string = (description: string, limits: Text = {}): Schema<string> =>
  node({ description, type: 'string', ...limits });

export const boolean = (description: string, limits: { nullable?: true } = {}): Schema<boolean> =>
  node({ description, type: 'boolean', ...limits });

/** Unsigned 32-bit integer. */
export const uint32 = (description: string, limits: Range = {}): Schema<number> =>
  node({ description, type: 'integer', minimum: 0, maximum: 4294967295, ...limits });

/** Signed 32-bit integer. */
export const int32 = (description: string, limits: Range = {}): Schema<number> =>
  node({ description, type: 'integer', format: 'int32', ...limits });

/** Unsigned 64-bit integer; values above 2^53 lose precision. */
export const uint64 = (description: string, limits: Range = {}): Schema<number> =>
  node({ description, type: 'integer', minimum: 0, ...limits });

export const double = (description: string, limits: Range = {}): Schema<number> =>
  node({ description, type: 'number', format: 'double', ...limits });

/** One of a closed list of names; the first is the default where upstream has one. */
export const oneOf = <const V extends string>(description: string, values: readonly V[]): Schema<V> =>
  node({ description: `${description}\n\nValid Options: ${values.join(', ')}`, type: 'string', enum: values });

/** The CEL rule by which an API server refuses a duration below one millisecond. */
const atLeastOneMillisecond: CelRule = {
  message: 'must be a valid duration greater than 1ms',
  rule: "duration(self) >= duration('1ms')",
};

/** Text such as `250ms`, `5s`, `1m30s`; `orZero` also takes `0s` where zero has a meaning of its own. */
export const duration = (description: string, limits: { orZero?: true } = {}): Schema<string> =>
  node(
    {
      description,
      type: 'string',
      ...(limits.orZero ? {} : { 'x-kubernetes-validations': [atLeastOneMillisecond] }),
    },
    { form: limits.orZero ? 'duration-or-zero' : 'duration' },
  );

type ListLimits = Pick<
  JsonSchema,
  'minItems' | 'maxItems' | 'x-kubernetes-list-type' | 'x-kubernetes-list-map-keys' | 'x-kubernetes-validations'
>;

export const array = <T>(description: string, items: Schema<T>, limits: ListLimits = {}): Schema<readonly T[]> =>
  node({ description, type: 'array', items: items.json, ...limits }, { items });

type MapLimits = Pick<JsonSchema, 'minProperties' | 'maxProperties' | 'x-kubernetes-validations'>;

export const map = <T>(
  description: string,
  values: Schema<T>,
  limits: MapLimits = {},
): Schema<Readonly<Record<string, T>>> =>
  node({ description, type: 'object', additionalProperties: values.json, ...limits }, { values });

export interface ObjectOptions<F, R> {
  readonly required?: readonly R[];
  /** Groups of which at most one field may be set; written to the CRD as upstream writes them. */
  readonly exclusive?: readonly (readonly (keyof F & string)[])[];
  readonly rules?: readonly CelRule[];
  readonly deprecated?: Partial<Readonly<Record<keyof F & string, string>>>;
  readonly preserveUnknown?: true;
}

export function object<const F extends Fields, const R extends keyof F & string = never>(
  description: string,
  fields: F,
  options: ObjectOptions<F, R> = {},
): Schema<ObjectOf<F, R>> {
  const properties: Record<string, JsonSchema> = {};
  for (const [name, schema] of Object.entries(fields)) properties[name] = schema.json;
  const groups = (options.exclusive ?? []).map(exclusiveJson);
  return node<ObjectOf<F, R>>(
    {
      description,
      type: 'object',
      properties,
      ...(options.required ? { required: options.required } : {}),
      ...(groups.length === 1 ? groups[0] : {}),
      ...(groups.length > 1 ? { allOf: groups } : {}),
      ...(options.rules ? { 'x-kubernetes-validations': options.rules } : {}),
      ...(options.preserveUnknown ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
    },
    { fields, exclusive: options.exclusive ?? [], deprecated: (options.deprecated ?? {}) as Record<string, string> },
  );
}

/** Whole numbers that may also come as text (64-bit values in protobuf's JSON). */
export const intOrString = (description: string): Schema<number | string> =>
  node({ description, 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] });

/** None or exactly one: the form in which Istio's CRDs express a oneof. */
const exclusiveJson = (names: readonly string[]): JsonSchema => ({
  oneOf: [
    { not: { anyOf: names.map((name) => ({ required: [name] })) } },
    ...names.map((name) => ({ required: [name] })),
  ],
});
