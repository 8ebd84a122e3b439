// The path specifier of a route as a condition, and how much of the path it matched (what prefixRewrite replaces).
import type { Condition } from './condition.ts';
import type { RouteMatchConfig } from './config.ts';
import { compileRegexTest } from './strings.ts';

export interface PathCondition extends Condition {
  /** Length of the matched part: of a prefix its own, else the whole path. */
  matchedLength(path: string): number;
}

export function compilePath(match: RouteMatchConfig, problems: string[]): PathCondition {
  const sensitive = isCaseSensitive(match);
  const note = sensitive ? '' : ' (ignoring case)';
  const fold = (value: string): string => (sensitive ? value : value.toLowerCase());
  const found: Condition['found'] = (_request, path) => JSON.stringify(path);
  const whole = (path: string): number => path.length;
  if (match.path !== undefined) {
    const wanted = fold(match.path);
    return {
      holds: (_request, path) => fold(path) === wanted,
      text: `path is ${JSON.stringify(match.path)}${note}`,
      found,
      matchedLength: whole,
    };
  }
  if (match.safeRegex) {
    const { test, text } = compileRegexTest(match.safeRegex.regex ?? '', problems);
    return {
      holds: (request, path) => request.path !== '' && test(path),
      text: `path ${text}`,
      found,
      matchedLength: whole,
    };
  }
  if (match.pathSeparatedPrefix !== undefined) {
    const wanted = fold(match.pathSeparatedPrefix);
    return {
      holds: (_request, path) =>
        fold(path).startsWith(wanted) && (path.length === wanted.length || path.charCodeAt(wanted.length) === 47),
      text: `path is ${JSON.stringify(match.pathSeparatedPrefix)} or below${note}`,
      found,
      matchedLength: () => wanted.length,
    };
  }
  if (match.connectMatcher) {
    return {
      holds: (request) => request.method === 'CONNECT',
      text: 'method is "CONNECT"',
      found: (request) => JSON.stringify(request.method),
      matchedLength: whole,
    };
  }
  const prefix = match.prefix ?? '';
  if (prefix === '/' || prefix === '') {
    // A request without a path (CONNECT) matches connectMatcher only.
    const first = prefix === '' ? undefined : 47;
    return {
      holds: (_request, path) => path !== '' && (first === undefined || path.charCodeAt(0) === first),
      text: prefix === '' ? 'any path' : 'path begins with "/"',
      found,
      matchedLength: () => prefix.length,
    };
  }
  const wanted = fold(prefix);
  return {
    holds: sensitive
      ? (_request, path) => path.startsWith(wanted)
      : (_request, path) => path.toLowerCase().startsWith(wanted),
    text: `path begins with ${JSON.stringify(prefix)}${note}`,
    found,
    matchedLength: () => wanted.length,
  };
}

function isCaseSensitive(match: RouteMatchConfig): boolean {
  const { caseSensitive } = match;
  return typeof caseSensitive === 'object' ? caseSensitive.value !== false : caseSensitive !== false;
}
