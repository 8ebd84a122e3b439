// Field numbers of the protobuf form of built-in kinds, and which of their fields are pointers in Go.
import wireText from './generated/wire.ts';
import { definitions } from './shapes.ts';

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
    known = pointersOf(ref.slice(ref.lastIndexOf('/') + 1));
    pointers.set(ref, known);
  }
  return known.has(field);
}

/** Pointers of a message and of the structs that Go embeds in it. */
function pointersOf(name: string): Set<string> {
  const result = new Set<string>();
  for (const [field, type, flags] of Object.values(wireFields()[name] ?? {})) {
    if (flags.includes('p')) result.add(field);
    if (definitions[name]?.properties?.[field] === undefined && wireFields()[type] !== undefined)
      for (const inner of pointersOf(type)) result.add(inner);
  }
  return result;
}
