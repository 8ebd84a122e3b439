// Brings a network namespace's tables to the wanted rules in one atomic iptables-restore; doing it twice changes nothing.
import { OWN_CHAINS, type TableRules } from './rules.ts';

/** One table as iptables-save printed it. */
export interface SavedTable {
  readonly chains: ReadonlySet<string>;
  readonly rules: readonly string[];
}

/** Reads `iptables-save -t TABLE`; counters are left out. */
export function parseSave(text: string): SavedTable {
  const lines = text.split('\n').map((line) => line.trim());
  return {
    chains: new Set(lines.filter((line) => line.startsWith(':')).map((line) => line.slice(1).split(' ')[0]!)),
    rules: lines.map((line) => line.replace(/^\[\d+:\d+\] /, '')).filter((line) => line.startsWith('-A ')),
  };
}

/** Whether a table holds the wanted chains with the wanted rules, and built-in chains lead to them. */
export function isApplied(saved: SavedTable, want: TableRules): boolean {
  const own = new Set<string>(OWN_CHAINS[want.table]);
  const isOwnRule = (rule: string): boolean =>
    own.has(chainOf(rule)) || own.has(targetOf(rule)) || want.rules.includes(rule);
  const byChain = (rules: readonly string[]): string =>
    [...new Set(rules.map(chainOf))]
      .sort()
      .map((chain) => rules.filter((rule) => chainOf(rule) === chain).join('\n'))
      .join('\n');
  return (
    want.chains.every((chain) => saved.chains.has(chain)) &&
    byChain(saved.rules.filter(isOwnRule)) === byChain(want.rules)
  );
}

/** Input for `iptables-restore --noflush`: old jumps to our chains go, our chains are emptied and filled. */
export function restoreText(saved: SavedTable, want: TableRules): string {
  return [
    `*${want.table}`,
    // Naming a chain of one's own creates or empties it.
    ...want.chains.map((chain) => `:${chain} - [0:0]`),
    ...staleJumps(saved, want.table, want.rules).map((rule) => rule.replace(/^-A /, '-D ')),
    ...want.rules,
    'COMMIT',
    '',
  ].join('\n');
}

/** Input for `iptables-restore --noflush` that takes everything of ours away. */
export function cleanupText(saved: SavedTable, table: TableRules['table']): string | undefined {
  const chains = OWN_CHAINS[table].filter((chain) => saved.chains.has(chain));
  if (chains.length === 0) return undefined;
  return [
    `*${table}`,
    ...staleJumps(saved, table, []).map((rule) => rule.replace(/^-A /, '-D ')),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
    'COMMIT',
    '',
  ].join('\n');
}

/** Rules in chains that are not ours but lead to ours, or that we are about to write again. */
function staleJumps(saved: SavedTable, table: TableRules['table'], wanted: readonly string[]): string[] {
  const own = new Set<string>(OWN_CHAINS[table]);
  return saved.rules.filter((rule) => !own.has(chainOf(rule)) && (own.has(targetOf(rule)) || wanted.includes(rule)));
}

const chainOf = (rule: string): string => rule.split(' ')[1] ?? '';
const targetOf = (rule: string): string => / -j (\S+)/.exec(rule)?.[1] ?? '';
