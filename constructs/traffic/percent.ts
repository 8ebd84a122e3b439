// Shares in percent, checked where they are given.

/** The share, or an error that names the construct and the prop. */
export function checkedPercent(value: number, where: string): number {
  if (Number.isFinite(value) && value >= 0 && value <= 100) return value;
  throw new Error(`${where} is ${value}; use percent, 0 to 100`);
}
