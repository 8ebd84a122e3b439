// The choice among weighted clusters, and runtime fractions.
import type { Condition } from './condition.ts';
import type { ClusterWeight, RuntimeFraction, WrappedNumber } from './config.ts';

/** A number, or one wrapped as protobuf's UInt32Value; undefined counts as `absent`. */
export const unwrapNumber = (value: WrappedNumber | number | undefined | null, absent: number): number =>
  typeof value === 'number' ? value : (value?.value ?? absent);

/** Upper ends of each cluster's share, ascending; the last is the total. */
export function cumulativeWeights(clusters: readonly ClusterWeight[]): Float64Array {
  const ends = new Float64Array(clusters.length);
  let total = 0;
  clusters.forEach((cluster, index) => {
    total += unwrapNumber(cluster.weight, 0);
    ends[index] = total;
  });
  return ends;
}

/** @param random in [0, 1) @returns -1 where the weights sum to nothing */
export function chooseWeighted(ends: Float64Array, random: number): number {
  const total = ends.length === 0 ? 0 : ends[ends.length - 1]!;
  if (total === 0) return -1;
  const point = random * total;
  for (let index = 0; index < ends.length; index++) if (point < ends[index]!) return index;
  return ends.length - 1;
}

export function compileFraction(fraction: RuntimeFraction): Condition {
  const numerator = fraction.defaultValue?.numerator ?? 0;
  const denominator = denominatorOf(fraction.defaultValue?.denominator);
  const share = Math.min(1, numerator / denominator);
  return {
    holds: (_request, _path, random) => random < share,
    text: `the request is among ${numerator} of ${denominator}`,
    found: () => 'by chance not',
  };
}

function denominatorOf(name: 'HUNDRED' | 'TEN_THOUSAND' | 'MILLION' | string | number | undefined): number {
  if (name === 'MILLION' || name === 2) return 1_000_000;
  if (name === 'TEN_THOUSAND' || name === 1) return 10_000;
  return 100;
}
