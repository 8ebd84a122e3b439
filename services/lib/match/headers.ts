// envoy.config.route.v3.HeaderMatcher as a condition, in all its forms, old and new.
// An absent header matches nothing, inverted or not, except for presence and where it is to be taken as empty.
import type { Condition } from './condition.ts';
import type { HeaderMatcher } from './config.ts';
import { headerOf } from './request.ts';
import { compileRegexTest, compileString, type StringTest } from './strings.ts';

export function compileHeader(matcher: HeaderMatcher, problems: string[]): Condition {
  const name = (matcher.name ?? '').toLowerCase();
  const invert = matcher.invertMatch === true;
  const test = valueTest(matcher, problems);
  const label =
    name === ':method'
      ? 'method'
      : name === ':authority'
        ? 'authority'
        : name === ':scheme'
          ? 'scheme'
          : `header ${name}`;
  const found: Condition['found'] = (request) => {
    const value = headerOf(request, name);
    return value === undefined ? 'absent' : JSON.stringify(value.length > 120 ? `${value.slice(0, 117)}...` : value);
  };
  if (!test) {
    const wanted = (matcher.presentMatch ?? true) !== invert;
    return {
      holds: (request) => (headerOf(request, name) !== undefined) === wanted,
      text: `${label} is ${wanted ? 'present' : 'absent'}`,
      found,
    };
  }
  const missingIsEmpty = matcher.treatMissingHeaderAsEmpty === true;
  return {
    holds: (request) => {
      const value = headerOf(request, name);
      if (value === undefined && !missingIsEmpty) return false;
      return test.test(value ?? '') !== invert;
    },
    text: invert ? `not: ${label} ${test.text}` : `${label} ${test.text}`,
    found,
  };
}

/** The test of the value; undefined where presence is asked for. */
function valueTest(matcher: HeaderMatcher, problems: string[]): StringTest | undefined {
  if (matcher.stringMatch) return compileString(matcher.stringMatch, problems);
  // An empty exact_match matches every value, as in Envoy.
  if (matcher.exactMatch !== undefined) {
    return matcher.exactMatch === ''
      ? { test: () => true, text: 'has any value' }
      : compileString({ exact: matcher.exactMatch }, problems);
  }
  if (matcher.safeRegexMatch) return compileRegexTest(matcher.safeRegexMatch.regex ?? '', problems);
  if (matcher.prefixMatch !== undefined) return compileString({ prefix: matcher.prefixMatch }, problems);
  if (matcher.suffixMatch !== undefined) return compileString({ suffix: matcher.suffixMatch }, problems);
  if (matcher.containsMatch !== undefined) return compileString({ contains: matcher.containsMatch }, problems);
  if (matcher.rangeMatch) return rangeTest(Number(matcher.rangeMatch.start ?? 0), Number(matcher.rangeMatch.end ?? 0));
  return undefined;
}

/** Half open: start is in, end is not. */
const rangeTest = (start: number, end: number): StringTest => ({
  test: (value) => {
    if (!/^\s*[+-]?\d{1,19}\s*$/.test(value)) return false;
    const number = Number(value);
    return number >= start && number < end;
  },
  text: `is a number in [${start}, ${end})`,
});
