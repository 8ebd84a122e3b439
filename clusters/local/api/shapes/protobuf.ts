// Reads the protobuf form of built-in kinds, which kubectl sends from its typed commands (create, drain, token), as JSON.
// Answers are JSON: every client that sends protobuf takes it.
import { ensureFields, type Fields, list } from '../object.ts';
import { badRequest } from '../status.ts';
import { definitions, shapeNameOf } from './shapes.ts';
import { wireFields } from './wire-fields.ts';

const maxDepth = 64;

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw badRequest('protobuf body ends inside a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw badRequest('protobuf body holds a number of more than ten bytes');
  }

  bytes(length: number): Buffer {
    if (length < 0 || this.#at + length > this.#bytes.length) throw badRequest('protobuf body is shorter than it says');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** The next field: its number and its value, by wire type. */
  field(): { number: number; value: bigint | Buffer; isDouble: boolean } {
    const tag = Number(this.varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        return { number, value: this.varint(), isDouble: false };
      case 1:
        return { number, value: this.bytes(8), isDouble: true };
      case 2:
        return { number, value: this.bytes(Number(this.varint())), isDouble: false };
      case 5:
        return { number, value: this.bytes(4), isDouble: false };
      default:
        throw badRequest(`protobuf body holds wire type ${tag & 7}`);
    }
  }
}

/** Fields of a message whose numbers are known, raw. */
function rawFields(bytes: Buffer): Map<number, (bigint | Buffer)[]> {
  const reader = new Reader(bytes);
  const result = new Map<number, (bigint | Buffer)[]>();
  while (!reader.isDone) {
    const { number, value } = reader.field();
    const held = result.get(number);
    if (held === undefined) result.set(number, [value]);
    else held.push(value);
  }
  return result;
}

const textAt = (fields: Map<number, (bigint | Buffer)[]>, number: number): string => {
  const value = fields.get(number)?.at(-1);
  return Buffer.isBuffer(value) ? value.toString('utf8') : '';
};
const intAt = (fields: Map<number, (bigint | Buffer)[]>, number: number): number => {
  const value = fields.get(number)?.at(-1);
  return typeof value === 'bigint' ? Number(value) : 0;
};

/** Messages that JSON writes in another way. */
const special: { readonly [name: string]: (fields: Map<number, (bigint | Buffer)[]>) => unknown } = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': (fields) => textAt(fields, 1),
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': (fields) =>
    intAt(fields, 1) === 1 ? textAt(fields, 3) : intAt(fields, 2),
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': (fields) =>
    fields.size === 0 ? undefined : `${new Date(intAt(fields, 1) * 1000).toISOString().slice(0, 19)}Z`,
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': (fields) =>
    fields.size === 0
      ? undefined
      : `${new Date(intAt(fields, 1) * 1000).toISOString().slice(0, 19)}.${String(Math.floor(intAt(fields, 2) / 1000)).padStart(6, '0')}Z`,
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': (fields) => parseRaw(textAt(fields, 1)),
  'io.k8s.apimachinery.pkg.runtime.RawExtension': (fields) => parseRaw(textAt(fields, 1)),
};
const parseRaw = (text: string): unknown => (text === '' ? undefined : (JSON.parse(text) as unknown));

function readMessage(bytes: Buffer, name: string, depth: number): unknown {
  if (depth > maxDepth) throw badRequest(`protobuf body is nested deeper than ${maxDepth} levels`);
  const convert = special[name];
  if (convert !== undefined) return convert(rawFields(bytes));
  const shape = wireFields()[name];
  if (shape === undefined) throw badRequest(`protobuf body holds ${name}, which is not known`);
  const definition = definitions[name];
  const result: Fields = {};
  const reader = new Reader(bytes);
  while (!reader.isDone) {
    const { number, value, isDouble } = reader.field();
    const field = shape[number];
    if (field === undefined) continue;
    const [key, type, flags] = field;
    if (flags.includes('m')) {
      const entry = rawFields(value as Buffer);
      const inner = entry.get(2)?.at(-1) ?? Buffer.alloc(0);
      const map = ensureFields(result, key);
      map[textAt(entry, 1)] = readValue(inner, type, isDouble, depth) ?? '';
      continue;
    }
    const item = readValue(value, type, isDouble, depth);
    if (flags.includes('r')) {
      result[key] = [...list(result[key]), item];
      continue;
    }
    // Go embeds some structs: their fields stand beside the others in JSON.
    if (definition?.properties !== undefined && definition.properties[key] === undefined) {
      if (typeof item === 'object' && item !== null) Object.assign(result, item);
      continue;
    }
    const isZero =
      item === '' ||
      item === 0 ||
      item === false ||
      (typeof item === 'object' && item !== null && !Array.isArray(item) && Object.keys(item).length === 0);
    if (item === undefined || (isZero && !flags.includes('p') && definition?.required?.includes(key) !== true))
      continue;
    result[key] = item;
  }
  return result;
}

function readValue(value: bigint | Buffer, type: string, isDouble: boolean, depth: number): unknown {
  if (typeof value === 'bigint') return type === 'bool' ? value !== 0n : Number(value);
  if (isDouble) return type === 'double' ? value.readDoubleLE() : Number(value.readBigInt64LE());
  if (type === 'string') return value.toString('utf8');
  if (type === 'bytes') return value.toString('base64');
  return readMessage(value, type, depth + 1);
}

/** A body `k8s\0` + runtime.Unknown, as JSON with its apiVersion and kind. */
export function readProtobuf(body: Buffer): Fields {
  if (body.subarray(0, 4).toString('latin1') !== 'k8s\0')
    throw badRequest('the body does not start as a Kubernetes protobuf object does');
  const envelope = rawFields(body.subarray(4));
  const meta = rawFields((envelope.get(1)?.at(-1) as Buffer | undefined) ?? Buffer.alloc(0));
  const apiVersion = textAt(meta, 1);
  const kind = textAt(meta, 2);
  const slash = apiVersion.indexOf('/');
  const name =
    kind === 'DeleteOptions'
      ? 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'
      : shapeNameOf(slash < 0 ? '' : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind);
  if (name === undefined || name.startsWith('io.k8s.apiextensions-apiserver'))
    throw badRequest(
      `no protobuf form of kind ${JSON.stringify(kind)} of ${JSON.stringify(apiVersion)} is known; send JSON`,
    );
  const raw = envelope.get(2)?.at(-1);
  const object = readMessage(Buffer.isBuffer(raw) ? raw : Buffer.alloc(0), name, 0) as Fields;
  return { ...object, apiVersion, kind };
}
