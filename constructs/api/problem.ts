// What is wrong, where, and how to mend it. One value feeds synthesis failures, `rig analyze`, admission denials and status.

/** One finding about one place of one object. Problems are collected, never thrown. */
export interface Problem {
  /** Where, as kubectl writes it: `spec.http[0].route[1].weight`. Empty for the whole object. */
  readonly path: string;
  /** Stable identifier, e.g. `unknown-field`, `IST0101`. */
  readonly code: string;
  /** Lower-case sentence with the value, the limit and the remedy. */
  readonly message: string;
  /** The usual cause or the nearest valid name, where known. */
  readonly hint?: string | undefined;
  /** `error` refuses the object; `warning` is reported and lets it through. Absent means `error`. */
  readonly severity?: 'error' | 'warning' | 'info' | undefined;
}

/** True for a finding that refuses the object. */
export const isError = (problem: Problem): boolean => (problem.severity ?? 'error') === 'error';

/** One line: `spec.http[0].timeout: must be at least 1ms, got "0.1ms" (hint)`. */
export function formatProblem(problem: Problem): string {
  const at = problem.path === '' ? '' : `${problem.path}: `;
  return `${at}${problem.message}${problem.hint ? ` (${problem.hint})` : ''}`;
}

/** The path of a member: identifiers by dot, other keys quoted in brackets, list items by index. */
export function joinPath(base: string, key: string | number): string {
  if (typeof key === 'number') return `${base}[${key}]`;
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${base}[${JSON.stringify(key)}]`;
  return base === '' ? key : `${base}.${key}`;
}

/** The candidate nearest to a misspelt name, or undefined where none is near (edit distance above a third of its length). */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.ceil(Math.min(name.length, 64) / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const distance = candidate.toLowerCase() === name.toLowerCase() ? 0 : editDistance(name, candidate);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** Damerau-Levenshtein (adjacent transpositions) on at most 64 characters. */
function editDistance(left: string, right: string): number {
  const a = left.slice(0, 64);
  const b = right.slice(0, 64);
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        value = Math.min(value, beforePrevious[j - 2]! + 1);
      current.push(value);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}
