// google.protobuf.Struct to bytes and back, as far as peer metadata needs it: strings, numbers, booleans and nested structs,
// keys sorted so that equal metadata has equal bytes.

export type StructValue = string | number | boolean | { readonly [key: string]: StructValue };

const MAX_DEPTH = 8;

export function encodeStruct(struct: Readonly<Record<string, StructValue>>): Buffer {
  const entries = Object.keys(struct)
    .sort()
    .map((key) => field(1, Buffer.concat([field(1, Buffer.from(key)), field(2, encodeValue(struct[key] ?? ''))])));
  return Buffer.concat(entries);
}

function encodeValue(value: StructValue): Buffer {
  if (typeof value === 'string') return field(3, Buffer.from(value));
  if (typeof value === 'boolean') return Buffer.from([0x20, value ? 1 : 0]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9);
    bytes[0] = 0x11;
    bytes.writeDoubleLE(value, 1);
    return bytes;
  }
  return field(5, encodeStruct(value));
}

function field(number: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(payload.length), payload]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Undefined if the bytes are no Struct. */
export function decodeStruct(bytes: Buffer): Record<string, StructValue> | undefined {
  try {
    return readStruct(bytes, 0);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readStruct(bytes: Buffer, depth: number): Record<string, StructValue> {
  if (depth > MAX_DEPTH) throw new RangeError('nested too deeply');
  const struct: Record<string, StructValue> = Object.create(null);
  for (const [number, entry] of fieldsOf(bytes)) {
    if (number !== 1 || !Buffer.isBuffer(entry)) continue;
    let key = '';
    let value: StructValue = '';
    for (const [part, payload] of fieldsOf(entry)) {
      if (!Buffer.isBuffer(payload)) continue;
      if (part === 1) key = payload.toString();
      else if (part === 2) value = readValue(payload, depth);
    }
    struct[key] = value;
  }
  return struct;
}

function readValue(bytes: Buffer, depth: number): StructValue {
  for (const [number, payload] of fieldsOf(bytes)) {
    if (number === 3 && Buffer.isBuffer(payload)) return payload.toString();
    if (number === 5 && Buffer.isBuffer(payload)) return readStruct(payload, depth + 1);
    if (number === 4) return payload === 1;
    if (number === 2 && Buffer.isBuffer(payload)) return payload.readDoubleLE(0);
  }
  return '';
}

function* fieldsOf(bytes: Buffer): Generator<[number, Buffer | number]> {
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new RangeError('varint');
  };
  while (at < bytes.length) {
    const tag = next();
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        yield [number, next()];
        break;
      case 1:
        if (at + 8 > bytes.length) throw new RangeError('fixed64');
        yield [number, bytes.subarray(at, at + 8)];
        at += 8;
        break;
      case 2: {
        const length = next();
        if (at + length > bytes.length) throw new RangeError('length');
        yield [number, bytes.subarray(at, at + length)];
        at += length;
        break;
      }
      default:
        throw new RangeError('wire type');
    }
  }
}
