import { expect, test } from '@jest/globals';
import { canOverlap, type RequestMatch } from '../../../constructs/traffic/match.ts';

test.each<[string, RequestMatch, RequestMatch, boolean]>([
  ['different methods', { method: 'GET' }, { method: 'PUT' }, false],
  ['a method and any', { method: 'GET' }, {}, true],
  ['exact paths', { path: '/a' }, { path: '/b' }, false],
  ['an exact path below a prefix', { path: '/a/b' }, { path: { prefix: '/a' } }, true],
  ['an exact path beside a prefix', { path: { prefix: '/a' } }, { path: '/b' }, false],
  ['nested prefixes', { path: { prefix: '/a' } }, { path: { prefix: '/a/b' } }, true],
  ['prefixes side by side', { path: { prefix: '/a' } }, { path: { prefix: '/b' } }, false],
  ['a regular expression, which is not looked into', { path: { regex: 'x' } }, { path: '/b' }, true],
  ['different headers', { headers: { a: '1' } }, { headers: { b: '1' } }, true],
  ['one header, different values', { headers: { a: '1' } }, { headers: { A: '2' } }, false],
  ['a value and presence', { headers: { a: '1' } }, { headers: { a: { present: true } } }, true],
  ['a header and its absence', { headers: { a: '1' } }, { withoutHeaders: { a: { present: true } } }, false],
  ['a header and the absence of another value', { headers: { a: '1' } }, { withoutHeaders: { a: '2' } }, true],
  ['query values', { query: { q: '1' } }, { query: { q: '2' } }, false],
  ['callers', { from: { app: 'a' } }, { from: { app: 'b' } }, false],
])('overlap of %s', (_what, a, b, expected) => {
  expect(canOverlap(a, b)).toBe(expected);
  expect(canOverlap(b, a)).toBe(expected);
});
