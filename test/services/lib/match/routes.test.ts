// Route matching as Envoy does it: virtual hosts, paths, headers, queries, weights, rewrites, redirects.
import { describe, expect, test } from '@jest/globals';
import { compileRoutes, type MatchRequest } from '#lib/match/routes.ts';
import { redirectLocation, redirectStatus } from '#lib/match/redirect.ts';
import { rewriteHost, rewritePath } from '#lib/match/rewrite.ts';
import type { RouteActionConfig, RouteConfig } from '#lib/match/config.ts';

const request = (
  path: string,
  headers: Record<string, string> = {},
  more: Partial<MatchRequest> = {},
): MatchRequest => ({
  authority: 'reviews',
  path,
  method: 'GET',
  header: (name) => headers[name],
  ...more,
});
const vhost = (
  name: string,
  domains: string[],
  routes: RouteConfig[] = [{ match: { prefix: '/' }, route: { cluster: name } }],
) => ({
  name,
  domains,
  routes,
});
/** The cluster that a request gets from one virtual host for everything. */
const clusterOf = (routes: RouteConfig[], of: MatchRequest, random = 0): string | undefined =>
  compileRoutes({ virtualHosts: [vhost('all', ['*'], routes)] }).match(of, random)?.cluster;
const one = (match: RouteConfig['match'], of: MatchRequest): boolean =>
  clusterOf([{ match, route: { cluster: 'c' } }], of) === 'c';

describe('virtual hosts', () => {
  const compiled = compileRoutes({
    virtualHosts: [
      vhost('any', ['*']),
      vhost('exact', ['reviews', 'reviews:9080']),
      vhost('suffix', ['*.example.com']),
      vhost('longer', ['*.api.example.com', '*-b.com']),
      vhost('prefix', ['foo.*']),
    ],
  });
  const name = (authority: string) => compiled.virtualHost(authority)?.name;
  test.each([
    ['reviews', 'exact'],
    ['REVIEWS', 'exact'],
    ['reviews:9080', 'exact'],
    ['reviews:80', 'any'],
    ['a.example.com', 'suffix'],
    ['a.api.example.com', 'longer'],
    ['.example.com', 'any'],
    ['x-b.com', 'longer'],
    ['foo.bar', 'prefix'],
    ['foo.', 'any'],
    ['foo.a.example.com', 'suffix'],
    ['other', 'any'],
    ['', 'any'],
  ])('%s is served by %s', (authority, expected) => expect(name(authority)).toBe(expected));

  test('the port is ignored where the configuration says so, also of IPv6 addresses', () => {
    const ignoring = compileRoutes({
      ignorePortInHostMatching: true,
      virtualHosts: [vhost('a', ['a']), vhost('v6', ['[::1]'])],
    });
    expect(ignoring.virtualHost('a:123')?.name).toBe('a');
    expect(ignoring.virtualHost('[::1]:80')?.name).toBe('v6');
    expect(ignoring.virtualHost('[::1]')?.name).toBe('v6');
    expect(ignoring.virtualHost('b:1')).toBeUndefined();
  });

  test('no virtual host, no match', () => {
    expect(compileRoutes({ virtualHosts: [vhost('a', ['a'])] }).match(request('/'), 0)).toBeUndefined();
    expect(compileRoutes({}).match(request('/'), 0)).toBeUndefined();
  });

  test('a domain said twice is a problem', () => {
    expect(compileRoutes({ virtualHosts: [vhost('a', ['a']), vhost('b', ['A'])] }).problems).toHaveLength(1);
  });

  test('require_tls redirects plain HTTP', () => {
    const compiled = compileRoutes({ virtualHosts: [{ ...vhost('a', ['*']), requireTls: 'ALL' }] });
    expect(compiled.match(request('/x'), 0)?.action).toBe('redirect');
    expect(compiled.match(request('/x', {}, { scheme: 'https' }), 0)?.cluster).toBe('a');
  });
});

describe('paths', () => {
  test.each<[RouteConfig['match'], string, boolean]>([
    [{ prefix: '/' }, '/', true],
    [{ prefix: '/foo' }, '/foobar', true],
    [{ prefix: '/foo' }, '/Foo', false],
    [{ prefix: '/foo', caseSensitive: { value: false } }, '/FOObar', true],
    [{ prefix: '/a?b' }, '/a?b', false],
    [{ path: '/foo' }, '/foo', true],
    [{ path: '/foo' }, '/foo?x=1', true],
    [{ path: '/foo' }, '/foo#x', true],
    [{ path: '/foo' }, '/foo/', false],
    [{ path: '/foo', caseSensitive: false }, '/fOO', true],
    [{ pathSeparatedPrefix: '/foo' }, '/foo', true],
    [{ pathSeparatedPrefix: '/foo' }, '/foo/x', true],
    [{ pathSeparatedPrefix: '/foo' }, '/foo?x', true],
    [{ pathSeparatedPrefix: '/foo' }, '/foobar', false],
    [{ safeRegex: { regex: '/v[0-9]+/.*' } }, '/v12/x', true],
    [{ safeRegex: { regex: '/v[0-9]+' } }, '/v12/x', false],
    [{ safeRegex: { regex: '.*' } }, '/anything', true],
    [{ safeRegex: { regex: '(' } }, '/(', false],
  ])('%j on %s: %s', (match, path, expected) => expect(one(match, request(path))).toBe(expected));

  test('a request without a path matches CONNECT routes only', () => {
    const connect = request('', {}, { method: 'CONNECT' });
    expect(one({ prefix: '' }, connect)).toBe(false);
    expect(one({ connectMatcher: {} }, connect)).toBe(true);
    expect(one({ connectMatcher: {} }, request('/'))).toBe(false);
  });

  test('an expression that does not compile is a problem, not an exception', () => {
    const compiled = compileRoutes({
      virtualHosts: [vhost('a', ['*'], [{ match: { safeRegex: { regex: '(' } }, route: { cluster: 'c' } }])],
    });
    expect(compiled.problems).toEqual([expect.stringContaining('not an RE2 expression')]);
  });

  test('an expression that would take exponential time elsewhere does not here', () => {
    expect(one({ safeRegex: { regex: '/(a+)+b' } }, request(`/${'a'.repeat(5000)}`))).toBe(false);
  });
});

describe('headers', () => {
  const holds = (matcher: object, headers: Record<string, string>) =>
    one({ prefix: '/', headers: [{ name: 'X-Key', ...matcher }] }, request('/', headers));
  test.each<[object, string | undefined, boolean]>([
    [{ stringMatch: { exact: 'a' } }, 'a', true],
    [{ stringMatch: { exact: 'a' } }, 'A', false],
    [{ stringMatch: { exact: 'a', ignoreCase: true } }, 'A', true],
    [{ stringMatch: { prefix: 'a' } }, 'ab', true],
    [{ stringMatch: { suffix: 'b' } }, 'ab', true],
    [{ stringMatch: { contains: 'b' } }, 'abc', true],
    [{ stringMatch: { contains: 'B', ignoreCase: true } }, 'abc', true],
    [{ stringMatch: { safeRegex: { regex: 'a+' } } }, 'aaa', true],
    [{ stringMatch: { safeRegex: { regex: 'a+' } } }, 'baaa', false],
    [{ stringMatch: {} }, 'a', false],
    [{ exactMatch: 'a' }, 'a', true],
    [{ exactMatch: '' }, 'a', true],
    [{ prefixMatch: 'a' }, 'b', false],
    [{ suffixMatch: 'a' }, 'ba', true],
    [{ containsMatch: 'a' }, 'bab', true],
    [{ safeRegexMatch: { regex: '[ab]+' } }, 'bab', true],
    [{ rangeMatch: { start: 1, end: 10 } }, '1', true],
    [{ rangeMatch: { start: 1, end: '10' } }, '10', false],
    [{ rangeMatch: { start: -5, end: 10 } }, '-3', true],
    [{ rangeMatch: { start: 1, end: 10 } }, '5x', false],
    [{ presentMatch: true }, '', true],
    [{ presentMatch: true }, undefined, false],
    [{ presentMatch: false }, undefined, true],
    [{ presentMatch: true, invertMatch: true }, undefined, true],
    [{ presentMatch: true, invertMatch: true }, 'a', false],
    [{}, 'a', true],
    [{}, undefined, false],
    [{ exactMatch: 'a', invertMatch: true }, 'b', true],
    [{ exactMatch: 'a', invertMatch: true }, undefined, false],
    [{ exactMatch: 'a', invertMatch: true, treatMissingHeaderAsEmpty: true }, undefined, true],
    [{ stringMatch: { exact: '' }, treatMissingHeaderAsEmpty: true }, undefined, true],
  ])('%j on %j: %s', (matcher, value, expected) =>
    expect(holds(matcher, value === undefined ? {} : { 'x-key': value })).toBe(expected),
  );

  test('pseudo-headers come from the request line', () => {
    const of = request('/p?q', {}, { method: 'POST', scheme: 'https', authority: 'a:1' });
    for (const [name, exact] of [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':authority', 'a:1'],
      [':path', '/p?q'],
      ['host', 'a:1'],
    ]) {
      expect(one({ prefix: '/', headers: [{ name: name!, stringMatch: { exact: exact! } }] }, of)).toBe(true);
    }
    expect(one({ prefix: '/', headers: [{ name: ':status', presentMatch: true }] }, of)).toBe(false);
  });
});

describe('query parameters', () => {
  const holds = (matcher: object, path: string) =>
    one({ prefix: '/', queryParameters: [{ name: 'k', ...matcher }] }, request(path));
  test.each<[object, string, boolean]>([
    [{ stringMatch: { exact: 'v' } }, '/?k=v', true],
    [{ stringMatch: { exact: 'v' } }, '/?a=1&k=v#f', true],
    [{ stringMatch: { exact: 'v' } }, '/?k=w&k=v', false],
    [{ stringMatch: { exact: '' } }, '/?k', true],
    [{ stringMatch: { exact: 'v' } }, '/', false],
    [{ stringMatch: { safeRegex: { regex: '\\d+' } } }, '/?k=12', true],
    [{ presentMatch: true }, '/?k', true],
    [{ presentMatch: true }, '/?kk=1', false],
    [{}, '/?k=', true],
    [{}, '/?x=k', false],
  ])('%j on %s: %s', (matcher, path, expected) => expect(holds(matcher, path)).toBe(expected));
});

describe('actions', () => {
  const split: RouteConfig[] = [
    {
      match: { prefix: '/' },
      route: {
        weightedClusters: {
          clusters: [
            { name: 'v1', weight: { value: 90 } },
            { name: 'v3', weight: { value: 10 } },
          ],
        },
      },
    },
  ];
  test('weights divide the range of the random number', () => {
    const counts = { v1: 0, v3: 0 };
    for (let i = 0; i < 1000; i++) counts[clusterOf(split, request('/'), i / 1000) as 'v1' | 'v3']++;
    expect(counts).toEqual({ v1: 900, v3: 100 });
  });

  test('first match wins, and its index is told', () => {
    const compiled = compileRoutes({
      virtualHosts: [
        vhost(
          'all',
          ['*'],
          [
            {
              match: { prefix: '/', headers: [{ name: 'end-user', stringMatch: { exact: 'jason' } }] },
              route: { cluster: 'v2' },
            },
            ...split,
          ],
        ),
      ],
    });
    expect(compiled.match(request('/', { 'end-user': 'jason' }), 0.95)?.cluster).toBe('v2');
    expect(compiled.match(request('/'), 0.95)).toMatchObject({ cluster: 'v3', weightedIndex: 1, action: 'route' });
  });

  test('the cluster may come from a header', () => {
    const routes: RouteConfig[] = [{ match: { prefix: '/' }, route: { clusterHeader: 'X-Cluster' } }];
    expect(clusterOf(routes, request('/', { 'x-cluster': 'c9' }))).toBe('c9');
    expect(clusterOf(routes, request('/'))).toBeUndefined();
  });

  test('a runtime fraction lets its share through', () => {
    const match = {
      prefix: '/',
      runtimeFraction: { defaultValue: { numerator: 25, denominator: 'HUNDRED' as const } },
    };
    const routes: RouteConfig[] = [
      { match, route: { cluster: 'some' } },
      { match: { prefix: '/' }, route: { cluster: 'rest' } },
    ];
    expect(clusterOf(routes, request('/'), 0.24)).toBe('some');
    expect(clusterOf(routes, request('/'), 0.25)).toBe('rest');
  });

  test('redirects, direct responses and nothing are told apart', () => {
    const action = (route: RouteConfig) =>
      compileRoutes({ virtualHosts: [vhost('a', ['*'], [{ match: { prefix: '/' }, ...route }])] }).match(
        request('/'),
        0,
      )?.action;
    expect(action({ redirect: {} })).toBe('redirect');
    expect(action({ directResponse: { status: 503 } })).toBe('directResponse');
    expect(action({})).toBe('none');
  });

  test('an explanation names every condition up to the route that matched', () => {
    const compiled = compileRoutes({
      virtualHosts: [
        vhost(
          'all',
          ['*'],
          [
            {
              name: 'testers',
              match: { prefix: '/', headers: [{ name: 'end-user', stringMatch: { exact: 'jason' } }] },
              route: { cluster: 'v2' },
            },
            { name: 'rest', match: { prefix: '/' }, route: { cluster: 'v1' } },
            { name: 'never', match: { prefix: '/' }, route: { cluster: 'v9' } },
          ],
        ),
      ],
    });
    const explanation = compiled.explain(request('/', { 'end-user': 'bob' }), 0);
    expect(explanation.domain).toBe('*');
    expect(explanation.tried.map((each) => [each.route.name, each.matched])).toEqual([
      ['testers', false],
      ['rest', true],
    ]);
    expect(explanation.tried[0]!.conditions[1]).toEqual({
      text: 'header end-user is "jason"',
      held: false,
      found: '"bob"',
    });
  });
});

describe('rewrites', () => {
  const rewrite = (match: RouteConfig['match'], action: RouteActionConfig, path: string): string => {
    const route: RouteConfig = { match, route: { cluster: 'c', ...action } };
    const compiled = compileRoutes({ virtualHosts: [vhost('a', ['*'], [route])] });
    return rewritePath(action, path, compiled.matchedPathLength(route, path.replace(/[?#].*/, '')));
  };
  test.each<[RouteConfig['match'], RouteActionConfig, string, string]>([
    [{ prefix: '/api' }, { prefixRewrite: '/' }, '/api/x?y', '//x?y'],
    [{ prefix: '/api/' }, { prefixRewrite: '/' }, '/api/x?y', '/x?y'],
    [{ pathSeparatedPrefix: '/api' }, { prefixRewrite: '/v2' }, '/api/x', '/v2/x'],
    [{ path: '/api' }, { prefixRewrite: '/v2' }, '/api?y', '/v2?y'],
    [{ safeRegex: { regex: '/a.*' } }, { prefixRewrite: '/b' }, '/abc?y', '/b?y'],
    [
      { prefix: '/' },
      { regexRewrite: { pattern: { regex: '^/v1/(.*)/(.*)$' }, substitution: '/\\2/$x/\\1' } },
      '/v1/a/b?c',
      '/b/$x/a?c',
    ],
    [{ prefix: '/' }, { regexRewrite: { pattern: { regex: 'a' }, substitution: 'b' } }, '/aa?a', '/bb?a'],
    [
      { prefix: '/' },
      { regexRewrite: { pattern: { regex: '(a)|(b)' }, substitution: '[\\1\\2\\12\\\\]' } },
      '/ab',
      '/[aa2\\][b2\\]',
    ],
    [{ prefix: '/' }, {}, '/x', '/x'],
  ])('%j with %j: %s becomes %s', (match, action, path, expected) =>
    expect(rewrite(match, action, path)).toBe(expected),
  );

  test('hosts', () => {
    expect(rewriteHost({ hostRewriteLiteral: 'a' }, request('/'))).toBe('a');
    expect(rewriteHost({ hostRewriteHeader: 'X-Host' }, request('/', { 'x-host': 'b' }))).toBe('b');
    expect(rewriteHost({ hostRewriteHeader: 'X-Host' }, request('/'))).toBeUndefined();
    expect(
      rewriteHost(
        { hostRewritePathRegex: { pattern: { regex: '^/(.+)/.+$' }, substitution: '\\1' } },
        request('/h.com/x?q'),
      ),
    ).toBe('h.com');
    expect(rewriteHost({}, request('/'))).toBeUndefined();
  });
});

describe('redirects', () => {
  const at = (redirect: object, path: string, more: Partial<MatchRequest> = {}, matched = 0) =>
    redirectLocation(redirect, request(path, {}, { authority: 'h:80', ...more }), matched);
  test('locations', () => {
    expect(at({ httpsRedirect: true }, '/x?q')).toBe('https://h/x?q');
    expect(at({ schemeRedirect: 'http' }, '/x')).toBe('http://h:80/x');
    expect(at({ httpsRedirect: true }, '/x', { authority: 'h:8080' })).toBe('https://h:8080/x');
    expect(at({ portRedirect: 9 }, '/x')).toBe('http://h:9/x');
    expect(at({ portRedirect: 9 }, '/x', { authority: '[::1]:80' })).toBe('http://[::1]:9/x');
    expect(at({ hostRedirect: 'o' }, '/x')).toBe('http://o/x');
    expect(at({ pathRedirect: '/n' }, '/x?q')).toBe('http://h:80/n?q');
    expect(at({ pathRedirect: '/n?z' }, '/x?q')).toBe('http://h:80/n?z');
    expect(at({ pathRedirect: '/n', stripQuery: true }, '/x?q')).toBe('http://h:80/n');
    expect(at({ stripQuery: true }, '/x?q')).toBe('http://h:80/x');
    expect(at({ prefixRewrite: '/n' }, '/x/y?q', {}, 2)).toBe('http://h:80/n/y?q');
  });
  test('statuses', () => {
    expect(
      [
        {},
        { responseCode: 'FOUND' },
        { responseCode: 'PERMANENT_REDIRECT' },
        { responseCode: 3 },
        { responseCode: 307 },
      ].map(redirectStatus),
    ).toEqual([301, 302, 308, 307, 307]);
  });
});
