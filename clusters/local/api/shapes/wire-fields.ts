// Field numbers of the protobuf form of built-in kinds, and which of their fields are pointers in Go.
import wireText from './generated/wire.ts';

/** `{ message: { number: [json name, type, flags] } }`; flags: r repeated, m map, p pointer. */
export type WireFields = {
  readonly [message: string]: { readonly [number: string]: readonly [string, string, string] };
};

let parsed: WireFields | undefined;
export function wireFields(): WireFields {
  parsed ??= JSON.parse(wireText) as WireFields;
  return parsed;
}

const pointers = new Map<string, ReadonlySet<string>>();

/** Whether a field of a definition (`#/definitions/NAME`) is a pointer: absent and empty are two things then. */
export function isPointer(ref: string, field: string): boolean {
  let known = pointers.get(ref);
  if (known === undefined) {
    const message = Object.values(wireFields()[ref.slice(ref.lastIndexOf('/') + 1)] ?? {});
    known = new Set(message.filter(([, , flags]) => flags.includes('p')).map(([name]) => name));
    pointers.set(ref, known);
  }
  return known.has(field);
}
