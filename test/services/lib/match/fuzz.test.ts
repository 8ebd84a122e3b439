// Properties of matching on generated configurations and requests.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { HeaderMatcher, RouteConfig, StringMatcher, VirtualHostConfig } from '#lib/match/config.ts';
import { redirectLocation } from '#lib/match/redirect.ts';
import { rewritePath } from '#lib/match/rewrite.ts';
import { compileRoutes, type MatchRequest } from '#lib/match/routes.ts';

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '/', '.', '*', '-', ':', '?', '='), maxLength: 6 });
const stringMatcher: fc.Arbitrary<StringMatcher> = fc.oneof(
  fc.record({ exact: word }),
  fc.record({ prefix: word }),
  fc.record({ suffix: word }),
  fc.record({ contains: word, ignoreCase: fc.boolean() }),
  fc.record({ safeRegex: fc.record({ regex: fc.string({ maxLength: 8 }) }) }),
);
const headerMatcher: fc.Arbitrary<HeaderMatcher> = fc.oneof(
  fc.record({
    name: fc.constantFrom('k', ':method', ':authority'),
    stringMatch: stringMatcher,
    invertMatch: fc.boolean(),
  }),
  fc.record({ name: fc.constant('k'), presentMatch: fc.boolean() }),
  fc.record({ name: fc.constant('k'), rangeMatch: fc.record({ start: fc.integer(), end: fc.integer() }) }),
);
const path = fc.oneof(
  fc.record({ prefix: word.map((w) => `/${w}`) }),
  fc.record({ path: word.map((w) => `/${w}`) }),
  fc.record({ pathSeparatedPrefix: word.map((w) => `/${w}`) }),
  fc.record({ safeRegex: fc.record({ regex: fc.string({ maxLength: 8 }) }) }),
);
const route: fc.Arbitrary<RouteConfig> = fc
  .record({
    path,
    headers: fc.array(headerMatcher, { maxLength: 2 }),
    weights: fc.array(fc.nat(100), { maxLength: 3 }),
  })
  .map(({ path, headers, weights }) => ({
    match: { ...path, headers },
    route: { weightedClusters: { clusters: weights.map((value, i) => ({ name: `c${i}`, weight: { value } })) } },
  }));
const virtualHosts: fc.Arbitrary<VirtualHostConfig[]> = fc.array(
  fc.record({
    name: word,
    domains: fc.array(word, { minLength: 1, maxLength: 3 }),
    routes: fc.array(route, { maxLength: 4 }),
  }),
  { maxLength: 4 },
);
const request: fc.Arbitrary<MatchRequest> = fc
  .record({
    authority: word,
    path: word.map((w) => `/${w}`),
    method: fc.constantFrom('GET', 'POST'),
    value: fc.option(word, { nil: undefined }),
  })
  .map(({ value, ...line }) => ({ ...line, header: (name: string) => (name === 'k' ? value : undefined) }));
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('matching', () => {
  test('never throws, agrees with its explanation, and the virtual host owns the domain', () => {
    fc.assert(
      fc.property(virtualHosts, request, random, fc.boolean(), (hosts, of, r, ignorePortInHostMatching) => {
        const compiled = compileRoutes({ virtualHosts: hosts, ignorePortInHostMatching });
        const match = compiled.match(of, r);
        const { tried, virtualHost, domain } = compiled.explain(of, r);
        expect(virtualHost).toBe(compiled.virtualHost(of.authority));
        if (virtualHost) expect(virtualHost.domains!.map((each) => each.toLowerCase())).toContain(domain);
        expect(tried.find((each) => each.matched)?.route).toBe(match?.route);
        expect(tried.length).toBe(
          match ? match.virtualHost.routes!.indexOf(match.route) + 1 : (virtualHost?.routes?.length ?? 0),
        );
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  test('a weight of zero is never chosen', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 5 }), random, (weights, r) => {
        const clusters = weights.map((value, i) => ({ name: `${i}`, weight: value }));
        const compiled = compileRoutes({
          virtualHosts: [
            { domains: ['*'], routes: [{ match: { prefix: '/' }, route: { weightedClusters: { clusters } } }] },
          ],
        });
        const found = compiled.match({ authority: 'a', path: '/', method: 'GET', header: () => undefined }, r);
        const total = weights.reduce((sum, each) => sum + each, 0);
        if (total === 0) expect(found?.cluster).toBeUndefined();
        else expect(weights[Number(found?.cluster)]).toBeGreaterThan(0);
      }),
      { seed: 2 },
    );
  });

  test('case of authority does not matter', () => {
    fc.assert(
      fc.property(virtualHosts, word, (hosts, authority) => {
        const compiled = compileRoutes({ virtualHosts: hosts });
        expect(compiled.virtualHost(authority.toUpperCase())).toBe(compiled.virtualHost(authority.toLowerCase()));
      }),
      { seed: 3 },
    );
  });

  test('rewrites and redirects never throw and keep the query', () => {
    fc.assert(
      fc.property(word, word, fc.string({ maxLength: 8 }), (prefix, query, regex) => {
        const target = `/${prefix.replace('?', '')}?${query}`;
        const action = { regexRewrite: { pattern: { regex }, substitution: '\\0$&\\9' } };
        let rewritten: string | undefined;
        expect(() => {
          rewritten = rewritePath(action, target, 0);
        }).not.toThrow();
        expect(rewritten!.endsWith(`?${query}`)).toBe(true);
        expect(
          redirectLocation(
            { hostRedirect: 'h' },
            { authority: 'a', path: target, method: 'GET', header: () => undefined },
            0,
          ),
        ).toBe(`http://h${target}`);
      }),
      { seed: 4 },
    );
  });
});
