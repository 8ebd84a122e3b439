// What a route asks of a request: the props, their form in a VirtualService, their rank, and whether two can hold at once.
import type { HttpMatchRequest, StringMatch } from '#api/virtual-service.ts';

/** A whole value; or its beginning, an RE2 expression for all of it, or that it is there at all. */
export type ValueMatch =
  | string
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly regex: string }
  | { readonly present: true };

export interface RequestMatch {
  /** Path without the query; a plain string is the whole path. @default any */
  readonly path?: Exclude<ValueMatch, { present: true }> | undefined;
  /** @default any */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'TRACE' | undefined;
  /** Conditions on headers by name, all of which must hold. @default none */
  readonly headers?: Readonly<Record<string, ValueMatch>> | undefined;
  /** Conditions on headers that must not hold. @default none */
  readonly withoutHeaders?: Readonly<Record<string, ValueMatch>> | undefined;
  /** Conditions on query parameters by name: exact, or regex. @default none */
  readonly query?: Readonly<Record<string, Exclude<ValueMatch, { prefix: string }>>> | undefined;
  /** Labels of the calling workload. @default any caller */
  readonly from?: Readonly<Record<string, string>> | undefined;
}

/** Whether a match holds for every request. */
export const isCatchAll = (match: RequestMatch): boolean => rankOf(match).every((part) => part === 0);

/** The VirtualService's form; undefined for a match of everything. */
export function toHttpMatch(match: RequestMatch): HttpMatchRequest | undefined {
  if (isCatchAll(match)) return undefined;
  const { path, method, headers, withoutHeaders, query, from } = match;
  return {
    ...(path === undefined ? {} : { uri: toStringMatch(path) }),
    ...(method === undefined ? {} : { method: { exact: method } }),
    ...(hasKeys(headers) ? { headers: lowerCased(headers) } : {}),
    ...(hasKeys(withoutHeaders) ? { withoutHeaders: lowerCased(withoutHeaders) } : {}),
    ...(hasKeys(query) ? { queryParams: mapped(query) } : {}),
    ...(hasKeys(from) ? { sourceLabels: { ...from } } : {}),
  };
}

/** Presence is the empty condition in a VirtualService. */
const toStringMatch = (value: ValueMatch): StringMatch =>
  typeof value === 'string' ? { exact: value } : 'present' in value ? {} : value;

const mapped = (values: Readonly<Record<string, ValueMatch>>, key = (name: string) => name) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [key(name), toStringMatch(value)]));
const lowerCased = (values: Readonly<Record<string, ValueMatch>>) => mapped(values, (name) => name.toLowerCase());

const hasKeys = <T extends object>(value: T | undefined): value is T =>
  value !== undefined && Object.keys(value).length > 0;
const size = (value: object | undefined): number => (value ? Object.keys(value).length : 0);

/**
 * Precedence of the Gateway API: exact path, longer prefix, method, more headers, more query parameters; then regular
 * expressions of the path below prefixes, and conditions on the caller last. Bigger wins, compared from the left.
 * @see https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
 */
export function rankOf(match: RequestMatch): readonly number[] {
  const path = match.path === undefined ? undefined : toStringMatch(match.path);
  const kind = !path ? 0 : path.exact !== undefined ? 3 : path.prefix !== undefined ? 2 : 1;
  const length = (path?.exact ?? path?.prefix ?? '').length;
  return [
    kind,
    length,
    match.method === undefined ? 0 : 1,
    size(match.headers) + size(match.withoutHeaders),
    size(match.query),
    size(match.from),
  ];
}

/** Negative where `a` comes first. */
export function compareRank(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = (b[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether one request can satisfy both. True where that is not known (regular expressions). */
export function canOverlap(a: RequestMatch, b: RequestMatch): boolean {
  if (a.method !== undefined && b.method !== undefined && a.method !== b.method) return false;
  if (a.path !== undefined && b.path !== undefined && !valuesMeet(a.path, b.path)) return false;
  return (
    mapsMeet(byLowerName(a.headers), byLowerName(b.headers)) &&
    mapsMeet(a.query ?? {}, b.query ?? {}) &&
    mapsMeet(a.from ?? {}, b.from ?? {}) &&
    !excludes(a, b) &&
    !excludes(b, a)
  );
}

const byLowerName = (values: Readonly<Record<string, ValueMatch>> = {}) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]));

const mapsMeet = (a: Readonly<Record<string, ValueMatch>>, b: Readonly<Record<string, ValueMatch>>): boolean =>
  Object.entries(a).every(([name, value]) => {
    const other = b[name];
    return other === undefined || valuesMeet(value, other);
  });

/** Whether `a` demands a header that `b` refuses. */
function excludes(a: RequestMatch, b: RequestMatch): boolean {
  const wanted = byLowerName(a.headers);
  return Object.entries(byLowerName(b.withoutHeaders)).some(([name, refused]) => {
    const value = wanted[name];
    return value !== undefined && implies(toStringMatch(value), toStringMatch(refused));
  });
}

/** Whether every value that satisfies `a` satisfies `b`; false where that is not known. */
function implies(a: StringMatch, b: StringMatch): boolean {
  if (b.exact === undefined && b.prefix === undefined && b.regex === undefined) return true;
  if (a.exact !== undefined) return a.exact === b.exact || (b.prefix !== undefined && a.exact.startsWith(b.prefix));
  if (a.prefix !== undefined && b.prefix !== undefined) return a.prefix.startsWith(b.prefix);
  return a.regex !== undefined && a.regex === b.regex;
}

function valuesMeet(left: ValueMatch, right: ValueMatch): boolean {
  const a = toStringMatch(left);
  const b = toStringMatch(right);
  if (a.exact !== undefined && b.exact !== undefined) return a.exact === b.exact;
  if (a.exact !== undefined && b.prefix !== undefined) return a.exact.startsWith(b.prefix);
  if (a.prefix !== undefined && b.exact !== undefined) return b.exact.startsWith(a.prefix);
  if (a.prefix !== undefined && b.prefix !== undefined)
    return a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix);
  return true;
}
