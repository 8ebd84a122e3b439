// Kubernetes quantities as numbers: `250m` -> 0.25, `1Gi` -> 1073741824.

const SUFFIXES: Readonly<Record<string, number>> = {
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

/** 0 for what is not a quantity: the API server refuses those. @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export function toNumber(quantity: string | number | undefined): number {
  if (typeof quantity === 'number') return quantity;
  const match = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(quantity ?? '');
  const value = Number(match?.[1]) * (SUFFIXES[match?.[2] ?? ''] ?? 0);
  return Number.isFinite(value) ? value : 0;
}
