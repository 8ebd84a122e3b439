// Opens packed messages (google.protobuf.Any) inside xDS, also those given as decoded JSON with an `@type`.

/** An Any as wire decodes it, or canonical JSON with `@type`. */
export type TypedConfig = Readonly<Record<string, unknown>>;

export interface Typed {
  /** Full message name, without the type.googleapis.com/ prefix. */
  readonly type: string;
  readonly message: Readonly<Record<string, unknown>>;
}

export function unpackTyped(config: TypedConfig): Typed {
  const named = config['@type'];
  if (typeof named === 'string') return { type: named.slice(named.lastIndexOf('/') + 1), message: config };
  throw new Error('TODO');
}
