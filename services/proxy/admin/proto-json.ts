// Decoded xDS to canonical protobuf JSON, as Envoy's admin prints it and istioctl reads it.
import type { Enum, Field, Type } from 'protobufjs';
import { nameInTypeUrl, typeOf } from '#wire/messages.ts';
import { isMessageName, unpackAny } from '#wire/xds.ts';
import { plainStruct } from '../config/struct.ts';

type Fields = Readonly<Record<string, unknown>>;

/** `name`: full message name, as `envoy.config.cluster.v3.Cluster`. */
export function toProtoJson(name: string, message: object): Record<string, unknown> {
  return messageJson(typeOf(name), message as Fields);
}

/** As `toProtoJson` with `@type` in front, as inside an Any. */
export function toAnyJson(name: string, message: object): Record<string, unknown> {
  return { '@type': `type.googleapis.com/${name}`, ...toProtoJson(name, message) };
}

function messageJson(type: Type, message: Fields): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(message)) {
    const field = type.fields[key];
    if (field === undefined || value === undefined || value === null) continue;
    json[snakeCase(key)] = fieldJson(field, value);
  }
  return json;
}

/** Envoy prints the proto's own field names. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]|(?<=[Cc]onsecutive)5xx/g, (part) => `_${part.toLowerCase()}`);
}

function fieldJson(field: Field, value: unknown): unknown {
  field.resolve();
  if (field.map)
    return Object.fromEntries(Object.entries(value as Fields).map(([key, one]) => [key, oneJson(field, one)]));
  if (field.repeated) return (value as readonly unknown[]).map((one) => oneJson(field, one));
  return oneJson(field, value);
}

function oneJson(field: Field, value: unknown): unknown {
  if (field.type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  if (/^(?:u?int64|s?fixed64|sint64)$/.test(field.type)) return String(value);
  const resolved = field.resolvedType as Type | Enum | null;
  if (resolved === null || !('fields' in resolved)) return value;
  return specialJson(resolved, value as Fields);
}

function specialJson(type: Type, value: Fields): unknown {
  const name = type.fullName.replace(/^\./, '');
  switch (name) {
    case 'google.protobuf.Any':
      return anyJson(value);
    case 'google.protobuf.Duration':
      return durationJson(value);
    case 'google.protobuf.Timestamp':
      return new Date(Number(value['seconds'] ?? 0) * 1000 + Number(value['nanos'] ?? 0) / 1e6).toISOString();
    case 'google.protobuf.Struct':
      return plainStruct({ fields: {}, ...value });
    case 'google.protobuf.BoolValue':
      return value['value'] ?? false;
    case 'google.protobuf.StringValue':
      return value['value'] ?? '';
    case 'google.protobuf.UInt32Value':
    case 'google.protobuf.DoubleValue':
      return value['value'] ?? 0;
    case 'google.protobuf.UInt64Value':
      return String(value['value'] ?? 0);
    case 'google.protobuf.BytesValue':
      return Buffer.from((value['value'] ?? []) as Uint8Array).toString('base64');
    default:
      return messageJson(type, value);
  }
}

function anyJson(any: Fields): unknown {
  const typeUrl = String(any['typeUrl'] ?? '');
  const name = nameInTypeUrl(typeUrl);
  if (!isMessageName(name)) return { '@type': typeUrl };
  const type = typeOf(name);
  const inner = specialJson(type, unpackAny(any).message as unknown as Fields);
  return typeof inner === 'object' && inner !== null && !name.startsWith('google.protobuf.')
    ? { '@type': typeUrl, ...inner }
    : { '@type': typeUrl, value: inner };
}

function durationJson(value: Fields): string {
  const nanos = Number(value['nanos'] ?? 0);
  const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
  return `${Number(value['seconds'] ?? 0)}${fraction}s`;
}
