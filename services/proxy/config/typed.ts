// Opens packed messages (google.protobuf.Any) inside xDS, also those given as decoded JSON with an `@type`.
import { unpackAny } from '#wire/xds.ts';

/** An Any as wire decodes it, or canonical JSON with `@type`. */
export type TypedConfig = Readonly<Record<string, unknown>>;

export interface Typed {
  /** Full message name, without the type.googleapis.com/ prefix. */
  readonly type: string;
  readonly message: Readonly<Record<string, unknown>>;
}

/** @throws WireError if the type is unknown or its bytes are broken */
export function unpackTyped(config: TypedConfig): Typed {
  const named = config['@type'];
  if (typeof named === 'string') return { type: named.slice(named.lastIndexOf('/') + 1), message: config };
  const { name, message } = unpackAny(config);
  return { type: name, message: message as unknown as Typed['message'] };
}
