// Kubernetes quantities ("500m", "128Mi", "1e3") as numbers.

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The value of a quantity; undefined when it is not one. */
export function tryQuantity(text: string | number | undefined): number | undefined {
  if (typeof text === 'number') return text;
  const match = /^([+-]?\d{1,30}(?:\.\d{0,30})?|[+-]?\.\d{1,30})(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(
    text ?? '',
  );
  if (match === null) return undefined;
  const value = Number(`${match[1]}${match[2] ?? ''}`) * (suffixes[match[3] ?? ''] ?? 1);
  return Number.isFinite(value) ? value : undefined;
}

/** The value of a quantity, 0 for what is none: the API server refuses those. */
export const toNumber = (text: string | number | undefined): number => tryQuantity(text) ?? 0;

/** A quantity divided by a divisor and rounded up, as resourceFieldRef exposes it. */
export function toResourceField(quantity: number, divisor: string | undefined): string {
  const by = tryQuantity(divisor) ?? 0;
  return String(Math.ceil(Number((quantity / (by > 0 ? by : 1)).toPrecision(15))));
}
