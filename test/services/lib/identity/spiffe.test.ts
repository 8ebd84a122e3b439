import { expect, test } from '@jest/globals';
import { formatSpiffe, trustDomainOf, tryParseSpiffe } from '#lib/identity/spiffe.ts';

test('identities are written and read back', () => {
  const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'bookinfo-reviews' };
  expect(formatSpiffe(identity)).toBe('spiffe://cluster.local/ns/default/sa/bookinfo-reviews');
  expect(tryParseSpiffe(formatSpiffe(identity))).toEqual(identity);
});

test('@ in a trust domain becomes a dot', () => {
  expect(formatSpiffe({ trustDomain: 'team@corp', namespace: 'a', serviceAccount: 'b' })).toBe(
    'spiffe://team.corp/ns/a/sa/b',
  );
});

test.each([
  'http://cluster.local/ns/a/sa/b',
  'spiffe://cluster.local/ns/a/sa/b/c',
  'spiffe://cluster.local/ns/a/sa/',
  'spiffe:///ns/a/sa/b',
  'spiffe://cluster.local/sa/a/ns/b',
  'spiffe://cluster.local/ns/a b/sa/c',
  `spiffe://cluster.local/ns/a/sa/${'b'.repeat(3000)}`,
])('%s is no identity', (uri) => {
  expect(tryParseSpiffe(uri)).toBeUndefined();
});

test('the trust domain of any SPIFFE URI', () => {
  expect(trustDomainOf('spiffe://other.org/database')).toBe('other.org');
  expect(trustDomainOf('spiffe://other.org')).toBe('other.org');
  expect(trustDomainOf('https://other.org/')).toBeUndefined();
});
