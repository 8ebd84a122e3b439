// Messages as plain objects: camelCase fields, enums as their names, int64 as number, bytes as Uint8Array. Any is
// { typeUrl, value } with its bytes; packAny and unpackAny go in and out.
import protobuf from 'protobufjs';
import descriptors from './generated/descriptors.json' with { type: 'json' };
import type { Any, Messages } from './generated/types.ts';

export type MessageName = keyof Messages;

/** A message that does not decode, with the name of its type. */
export class WireError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'WireError';
  }
}

const anyPrefix = 'type.googleapis.com/';
const conversion: protobuf.IConversionOptions = { enums: String, longs: Number };

// Without Long, protobufjs reads 64-bit integers as numbers: none on these wires is larger than 2^53.
protobuf.util.Long = undefined as never;
protobuf.configure();

const root = protobuf.Root.fromJSON(descriptors as protobuf.INamespace);
const types = new Map<string, protobuf.Type>();

/** The reflected type of a message; throws where it is none of ours. */
export function typeOf(name: string): protobuf.Type {
  let type = types.get(name);
  if (!type) {
    try {
      type = root.lookupType(name);
    } catch {
      throw new WireError(`${name} is not a message that this program knows`);
    }
    types.set(name, type);
  }
  return type;
}

/** Whether a message of that name is known, such as `envoy.config.cluster.v3.Cluster`. */
export function isMessageName(name: string): name is MessageName {
  try {
    return typeOf(name) !== undefined;
  } catch {
    return false;
  }
}

export function encodeMessage<N extends MessageName>(name: N, message: Messages[N]): Uint8Array {
  const type = typeOf(name);
  return type.encode(type.fromObject(message as Record<string, unknown>)).finish();
}

/** Throws WireError where the bytes are not that message. */
export function decodeMessage<N extends MessageName>(name: N, bytes: Uint8Array): Messages[N] {
  const type = typeOf(name);
  try {
    return type.toObject(type.decode(bytes), conversion) as Messages[N];
  } catch (error) {
    throw new WireError(`bytes are not a ${name}: ${(error as Error).message}`, error);
  }
}

/** `type.googleapis.com/<name>`, as xDS names its types. */
export const typeUrlOf = (name: string): string => anyPrefix + name;

/** The message's name in a type URL; any prefix up to the last slash is accepted, as protobuf does. */
export const nameInTypeUrl = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('/') + 1);

export function packAny<N extends MessageName>(name: N, message: Messages[N]): Any {
  return { typeUrl: typeUrlOf(name), value: encodeMessage(name, message) };
}

/** The message inside, with its name; throws WireError where the type is unknown or the bytes are broken. */
export function unpackAny(
  any: Any,
): { [N in MessageName]: { readonly name: N; readonly message: Messages[N] } }[MessageName] {
  const name = nameInTypeUrl(any.typeUrl ?? '');
  if (!isMessageName(name)) throw new WireError(`${any.typeUrl} is not a type that this program knows`);
  return { name, message: decodeMessage(name, any.value ?? new Uint8Array()) } as never;
}

/** The message inside where it is of that type, else undefined. */
export function tryUnpack<N extends MessageName>(name: N, any: Any | undefined): Messages[N] | undefined {
  if (!any?.typeUrl || nameInTypeUrl(any.typeUrl) !== name) return undefined;
  return decodeMessage(name, any.value ?? new Uint8Array());
}
