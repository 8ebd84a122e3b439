// envoy.type.matcher.v3.StringMatcher as a predicate.
import type { StringMatcher } from './config.ts';
import { compileRegex } from './regex.ts';

export interface StringTest {
  readonly test: (value: string) => boolean;
  /** For explanations: `is "a"`, `begins with "a"`. */
  readonly text: string;
}

const never: (value: string) => boolean = () => false;

/** A matcher that says nothing matches nothing: Envoy refuses it. Bad expressions go to `problems`. */
export function compileString(matcher: StringMatcher, problems: string[]): StringTest {
  const insensitive = matcher.ignoreCase === true;
  const note = insensitive ? ' (ignoring case)' : '';
  const fold = (value: string): string => (insensitive ? value.toLowerCase() : value);
  if (matcher.exact !== undefined) {
    const wanted = fold(matcher.exact);
    const test = insensitive ? (value: string) => value.toLowerCase() === wanted : (value: string) => value === wanted;
    return { test, text: `is ${JSON.stringify(matcher.exact)}${note}` };
  }
  if (matcher.prefix !== undefined) {
    const wanted = fold(matcher.prefix);
    return {
      test: (value) => fold(value).startsWith(wanted),
      text: `begins with ${JSON.stringify(matcher.prefix)}${note}`,
    };
  }
  if (matcher.suffix !== undefined) {
    const wanted = fold(matcher.suffix);
    return {
      test: (value) => fold(value).endsWith(wanted),
      text: `ends with ${JSON.stringify(matcher.suffix)}${note}`,
    };
  }
  if (matcher.contains !== undefined) {
    const wanted = fold(matcher.contains);
    return {
      test: (value) => fold(value).includes(wanted),
      text: `contains ${JSON.stringify(matcher.contains)}${note}`,
    };
  }
  if (matcher.safeRegex) return compileRegexTest(matcher.safeRegex.regex ?? '', problems);
  problems.push('a string matcher without a pattern');
  return { test: never, text: 'has no pattern and matches nothing' };
}

export function compileRegexTest(source: string, problems: string[]): StringTest {
  try {
    const regex = compileRegex(source);
    return { test: (value) => regex.matches(value), text: `matches /${source}/` };
  } catch (error) {
    problems.push((error as Error).message);
    return { test: never, text: `has a bad expression: ${(error as Error).message}` };
  }
}
