// The order of a table's rules: rank first, `before` and `after` override, and a tie that a request could fall into is an error.
import type { Construct } from 'constructs';
import { describeConstruct } from '../workload/provenance.ts';
import { canOverlap, compareRank, rankOf, type RequestMatch } from './match.ts';

/** What ordering looks at. */
export interface OrderedRule {
  /** Who declared the rule. */
  readonly construct: Construct;
  readonly match: RequestMatch;
  /** Constructs whose rules this one precedes, or follows. */
  readonly before: readonly Construct[];
  readonly after: readonly Construct[];
}

/** Sorted rules; the same for every order of construction. Throws where the order is not decided or contradicts itself. */
export function orderRules<Rule extends OrderedRule>(rules: readonly Rule[], table: string): Rule[] {
  const sorted = [...rules].sort(
    (a, b) => compareRank(rankOf(a.match), rankOf(b.match)) || byPath(a.construct, b.construct),
  );
  const follows = precedence(sorted, table);
  refuseTies(sorted, follows, table);
  const ordered: Rule[] = [];
  const left = [...sorted];
  while (left.length > 0) {
    const next = left.findIndex((rule) => !left.some((other) => other !== rule && follows(rule, other)));
    if (next < 0) throw new Error(`routes of ${table}: before and after form a circle: ${left.map(named).join(', ')}`);
    ordered.push(...left.splice(next, 1));
  }
  return ordered;
}

const byPath = (a: Construct, b: Construct): number =>
  a.node.path < b.node.path ? -1 : a.node.path > b.node.path ? 1 : 0;
const named = (rule: OrderedRule): string => describeConstruct(rule.construct);

/** Tells whether `rule` must come after `other`, by what they say and what follows from it. */
function precedence<Rule extends OrderedRule>(rules: readonly Rule[], table: string) {
  const known = Map.groupBy(rules, (rule) => rule.construct);
  const direct = new Map<Rule, Set<Rule>>(rules.map((rule) => [rule, new Set<Rule>()]));
  for (const rule of rules) {
    for (const [word, names] of [['before', rule.before] as const, ['after', rule.after] as const]) {
      for (const construct of names) {
        const others = known.get(construct);
        if (!others) {
          throw new Error(
            `${named(rule)}: ${word} names ${describeConstruct(construct)}, which has no route in ${table}; name one that has`,
          );
        }
        for (const other of others) {
          if (word === 'before') direct.get(other)!.add(rule);
          else direct.get(rule)!.add(other);
        }
      }
    }
  }
  const reach = new Map<Rule, Set<Rule>>();
  const collect = (rule: Rule): Set<Rule> => {
    const found = reach.get(rule);
    if (found) return found;
    const all = new Set<Rule>();
    reach.set(rule, all);
    for (const other of direct.get(rule)!) {
      all.add(other);
      for (const further of collect(other)) all.add(further);
    }
    return all;
  };
  return (rule: Rule, other: Rule): boolean => collect(rule).has(other);
}

function refuseTies<Rule extends OrderedRule>(
  sorted: readonly Rule[],
  follows: (rule: Rule, other: Rule) => boolean,
  table: string,
): void {
  for (const [index, rule] of sorted.entries()) {
    for (const other of sorted.slice(index + 1)) {
      if (compareRank(rankOf(rule.match), rankOf(other.match)) !== 0) break;
      if (
        rule.construct === other.construct ||
        follows(rule, other) ||
        follows(other, rule) ||
        !canOverlap(rule.match, other.match)
      )
        continue;
      throw new Error(
        `routes of ${table}: one request can match both ${named(rule)} and ${named(other)}, and neither is more specific; ` +
          'say before: or after: on one of them, or narrow its match',
      );
    }
  }
}
