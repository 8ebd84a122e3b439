// Reads protobuf fields of decoded xDS: wrappers, durations and packed messages, whatever form the decoder left them in.

/** Milliseconds of a google.protobuf.Duration; undefined if unset. */
export function durationMs(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') {
    const match = /^(-?[0-9]+(?:\.[0-9]+)?)s$/.exec(value);
    return match === null ? undefined : Number(match[1]) * 1000;
  }
  const { seconds, nanos } = value as { seconds?: unknown; nanos?: unknown };
  return Number(seconds ?? 0) * 1000 + Number(nanos ?? 0) / 1e6;
}

/** Value of a google.protobuf wrapper (UInt32Value, BoolValue, ...), or of a plain scalar. */
export function wrapped<T extends string | number | boolean>(value: unknown): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') return (value as { value?: T }).value ?? (0 as T);
  return value as T;
}

/** As `wrapped`, for numbers; unset is the fallback. */
export function numberOf(value: unknown, fallback: number): number {
  const plain = wrapped<number>(value);
  return plain === undefined ? fallback : Number(plain);
}

export function booleanOf(value: unknown, fallback: boolean): boolean {
  const plain = wrapped<boolean>(value);
  return plain === undefined ? fallback : Boolean(plain);
}

/** A fraction [0,1] of an envoy.type.v3.FractionalPercent. */
export function fractionOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  const { numerator, denominator } = value as { numerator?: number; denominator?: string | number };
  const scale =
    denominator === 'MILLION' || denominator === 2
      ? 1e6
      : denominator === 'TEN_THOUSAND' || denominator === 1
        ? 1e4
        : 100;
  return Number(numerator ?? 0) / scale;
}
