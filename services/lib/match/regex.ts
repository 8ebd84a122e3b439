// RE2 expressions of configuration, in linear time whatever the input (re2js), compiled once and shared.
import { RE2JS } from 're2js';

/** Istio refuses longer expressions; Envoy's program-size limit is of the same order. */
export const MAX_REGEX_LENGTH = 1024;
const MAX_CACHED = 4096;

export interface Regex {
  readonly source: string;
  /** Whether the whole value matches. */
  matches(value: string): boolean;
  /** Every match replaced; `\1` in the substitution is the first group, `\0` the whole match. */
  replaceAll(value: string, substitution: string): string;
}

const cache = new Map<string, Regex>();

/** @throws Error with the reason where the expression is too long or not RE2. */
export function compileRegex(source: string): Regex {
  const known = cache.get(source);
  if (known) return known;
  if (source.length > MAX_REGEX_LENGTH) {
    throw new Error(`regular expression of ${source.length} characters, at most ${MAX_REGEX_LENGTH} are allowed`);
  }
  const regex = source === '.*' ? anything : fromRe2(source);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(source, regex);
  return regex;
}

function fromRe2(source: string): Regex {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    throw new Error(`${JSON.stringify(source)} is not an RE2 expression: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return {
    source,
    matches: (value) => compiled.testExact(value),
    replaceAll: (value, substitution) => replaceMatches(compiled, value, substitution),
  };
}

/** `.*` needs no engine: it is what a catch-all says. Newlines cannot occur in paths and header values. */
const anything: Regex = {
  source: '.*',
  matches: (value) => !value.includes('\n'),
  replaceAll: (value, substitution) => replaceMatches(RE2JS.compile('.*'), value, substitution),
};

/** RE2's substitutions: `\0` to `\9` are groups, `\\` is a backslash, everything else stands for itself. */
function replaceMatches(compiled: RE2JS, value: string, substitution: string): string {
  const parts = substitution.match(/\\\d|\\\\|[^\\]+|\\/g) ?? [];
  return compiled.matcher(value).replaceAll((...found: unknown[]) => {
    let text = '';
    for (const part of parts) {
      if (part === '\\\\') text += '\\';
      else if (part.length === 2 && part.startsWith('\\')) text += groupOf(found, Number(part[1]));
      else text += part;
    }
    return text;
  });
}

/** Replacers get the match, its groups, then the offset (a number). Groups that took no part are empty. */
function groupOf(found: readonly unknown[], index: number): string {
  const end = found.findIndex((each) => typeof each === 'number');
  const group = index < (end < 0 ? found.length : end) ? found[index] : undefined;
  return typeof group === 'string' ? group : '';
}
