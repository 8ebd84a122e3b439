// Generated resources in a form to read and compare: packed messages opened, empty wrappers shown.
import { unpackAny } from '../../services/wire/xds.ts';

export function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object' || value === null) return value;
  const { typeUrl, value: bytes } = value as { typeUrl?: unknown; value?: unknown };
  if (typeof typeUrl === 'string') {
    const { message } = unpackAny({ typeUrl, value: bytes as Uint8Array });
    return { '@type': typeUrl.slice(typeUrl.lastIndexOf('/') + 1), ...(readable(message) as object) };
  }
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.map(([key, each]) => [key, readable(each)]));
}
