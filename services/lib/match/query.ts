// envoy.config.route.v3.QueryParameterMatcher as a condition. The first value of a name counts; nothing is percent-decoded, as in Envoy.
import type { Condition } from './condition.ts';
import type { QueryParameterMatcher } from './config.ts';
import { compileString } from './strings.ts';

export function compileQueryParameter(matcher: QueryParameterMatcher, problems: string[]): Condition {
  const name = matcher.name ?? '';
  const found: Condition['found'] = (request) => {
    const value = queryParameter(request.path, name);
    return value === undefined ? 'absent' : JSON.stringify(value);
  };
  if (!matcher.stringMatch) {
    const wanted = matcher.presentMatch ?? true;
    return {
      holds: (request) => (queryParameter(request.path, name) !== undefined) === wanted,
      text: `query parameter ${name} is ${wanted ? 'present' : 'absent'}`,
      found,
    };
  }
  const { test, text } = compileString(matcher.stringMatch, problems);
  return {
    holds: (request) => {
      const value = queryParameter(request.path, name);
      return value !== undefined && test(value);
    },
    text: `query parameter ${name} ${text}`,
    found,
  };
}

/** The first value of a query parameter of a request target; empty where it has no `=`. */
export function queryParameter(target: string, name: string): string | undefined {
  let at = target.indexOf('?');
  if (at < 0) return undefined;
  const fragment = target.indexOf('#', at);
  const end = fragment < 0 ? target.length : fragment;
  while (at < end) {
    const start = at + 1;
    let stop = target.indexOf('&', start);
    if (stop < 0 || stop > end) stop = end;
    let equals = target.indexOf('=', start);
    if (equals < 0 || equals > stop) equals = stop;
    if (equals - start === name.length && target.startsWith(name, start))
      return target.slice(Math.min(equals + 1, stop), stop);
    at = stop;
  }
  return undefined;
}
