// Rules of a VirtualService that can never be reached (IST0130) and matches without effect (IST0131): warnings.
import type { Findings } from './findings.ts';
import { joinPath } from './problem.ts';
import type { HttpMatchRequest, StringMatch } from './virtual-service-spec.ts';

interface Rule {
  readonly name?: string | undefined;
  readonly match?: readonly object[] | undefined;
}

export function checkReachable(rules: readonly Rule[], path: string, findings: Findings): void {
  const seen = new Map<string, number>();
  const prefixes: { match: HttpMatchRequest; rule: number; at: string }[] = [];
  let catchAll = -1;
  for (const [index, rule] of rules.entries()) {
    const at = joinPath(path, index);
    const matches = rule.match ?? [];
    const label = rule.name ? `rule "${rule.name}"` : `rule ${index}`;
    if (catchAll >= 0) {
      findings.warn(
        at,
        'IST0130',
        `${label} is never reached: rule ${catchAll} matches everything`,
        'move the rule without conditions to the end',
      );
    }
    if (matches.length === 0) {
      if (catchAll < 0) catchAll = index;
      continue;
    }
    if (catchAll >= 0) continue;
    let duplicates = 0;
    for (const [number, match] of matches.entries()) {
      const here = joinPath(`${at}.match`, number);
      const key = canonical({ ...match, name: undefined });
      const earlier = seen.get(key);
      if (earlier !== undefined) {
        duplicates++;
        findings.info(here, 'IST0131', `has no effect: rule ${earlier} has the same match`);
        continue;
      }
      seen.set(key, index);
      const { uri } = match as HttpMatchRequest;
      if (uri?.prefix) prefixes.push({ match: match as HttpMatchRequest, rule: index, at: here });
    }
    if (duplicates === matches.length)
      findings.warn(at, 'IST0130', `${label} is never reached: earlier rules have all of its matches`);
  }
  for (const [index, later] of prefixes.entries()) {
    const earlier = prefixes.slice(0, index).find((each) => covers(each.match, later.match));
    if (earlier) {
      findings.info(
        later.at,
        'IST0131',
        `has no effect: prefix "${earlier.match.uri?.prefix}" of rule ${earlier.rule} covers "${later.match.uri?.prefix}"`,
        'put the longer prefix first',
      );
    }
  }
}

/** True only where everything that `later` matches is matched by `earlier`: same other conditions, longer prefix. */
function covers(earlier: HttpMatchRequest, later: HttpMatchRequest): boolean {
  const a = earlier.uri?.prefix ?? '';
  const b = later.uri?.prefix ?? '';
  if (a === b || !b.startsWith(a) || (later.ignoreUriCase && !earlier.ignoreUriCase)) return false;
  const rest = (match: HttpMatchRequest): string =>
    canonical({
      ...match,
      name: undefined,
      statPrefix: undefined,
      ignoreUriCase: undefined,
      uri: undefined as StringMatch | undefined,
    });
  return rest(earlier) === rest(later);
}

/** JSON with sorted keys, so that the order of writing does not matter. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`)
    .join(',')}}`;
}
