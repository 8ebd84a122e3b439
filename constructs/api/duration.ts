// Durations as Istio's configuration writes them: Go's notation (`1h2m3.5s`) and protobuf's (`3.5s`).

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
};
const FORM = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;

/** Milliseconds (with fractions) of `1m30s`, `250ms`, `0`; undefined where the text is not a duration. */
export function tryDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 64 || !FORM.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    totalMs += Number(amount) * UNIT_MS[unit!]!;
  }
  return text.startsWith('-') ? -totalMs : totalMs;
}

/** Protobuf's JSON form of a number of milliseconds: `1500` gives `1.5s`. */
export function toProtoDuration(milliseconds: number): string {
  const text = (milliseconds / 1000).toFixed(9).replace(/\.?0+$/, '');
  return `${text}s`;
}
