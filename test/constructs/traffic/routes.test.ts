import { describe, expect, test } from '@jest/globals';
import { type App, Chart, Testing } from 'cdk8s';
import fc from 'fast-check';
import type { VirtualServiceSpec } from '#api/virtual-service.ts';
import {
  CanaryRelease,
  HeaderRoute,
  MeshService,
  objectsOf,
  type ServiceReference,
  toManifestFiles,
  TrafficSplit,
  VersionRoute,
} from '../../../constructs/index.ts';

type Versions = 'v1' | 'v2' | 'v3';

function world(): { app: App; chart: Chart; reviews: ServiceReference<Versions> } {
  const app = Testing.app();
  const chart = new Chart(app, 'shop', { namespace: 'default' });
  const reviews = MeshService.existing(chart, 'reviews', { port: 9080, versions: ['v1', 'v2', 'v3'] });
  return { app, chart, reviews };
}

const virtualService = (chart: Chart): VirtualServiceSpec =>
  (Testing.synth(chart) as { kind: string; spec: VirtualServiceSpec }[]).find((each) => each.kind === 'VirtualService')!
    .spec;
const names = (chart: Chart): (string | undefined)[] => (virtualService(chart).http ?? []).map((route) => route.name);

describe('the route table of a service', () => {
  test('puts a header route before a canary and names both after their constructs', () => {
    const { chart, reviews } = world();
    new CanaryRelease(chart, 'rollout', { service: reviews, stable: 'v1', canary: 'v3', weight: 10 });
    new HeaderRoute(chart, 'testers', { service: reviews, headers: { 'End-User': 'jason' }, to: 'v2' });
    const host = 'reviews.default.svc.cluster.local';
    expect(virtualService(chart)).toEqual({
      hosts: [host],
      http: [
        {
          name: 'testers',
          match: [{ headers: { 'end-user': { exact: 'jason' } } }],
          route: [{ destination: { host, subset: 'v2' } }],
        },
        {
          name: 'rollout',
          route: [
            { destination: { host, subset: 'v1' }, weight: 90 },
            { destination: { host, subset: 'v3' }, weight: 10 },
          ],
        },
      ],
    });
  });

  test('sends what no rule takes to all versions', () => {
    const { chart, reviews } = world();
    new HeaderRoute(chart, 'testers', { service: reviews, headers: { beta: { present: true } }, to: 'v2' });
    expect(names(chart)).toEqual(['testers', 'default']);
    expect(virtualService(chart).http?.[1]?.route).toEqual([
      { destination: { host: 'reviews.default.svc.cluster.local' } },
    ]);
  });

  test('writes no share for a version with weight 0', () => {
    const { chart, reviews } = world();
    new CanaryRelease(chart, 'rollout', { service: reviews, stable: 'v1', canary: 'v3', weight: 0 });
    expect(virtualService(chart).http?.[0]?.route).toEqual([
      { destination: { host: 'reviews.default.svc.cluster.local', subset: 'v1' } },
    ]);
  });

  test('follows the precedence of the Gateway API', () => {
    const { chart, reviews } = world();
    const to = 'v1' as const;
    new VersionRoute(chart, 'all', { service: reviews, to });
    new VersionRoute(chart, 'one-header', { service: reviews, match: { headers: { a: 'x' } }, to });
    new VersionRoute(chart, 'two-headers', { service: reviews, match: { headers: { a: 'x', b: 'y' } }, to });
    new VersionRoute(chart, 'method', { service: reviews, match: { method: 'GET' }, to });
    new VersionRoute(chart, 'regex', { service: reviews, match: { path: { regex: '/a.*' } }, to });
    new VersionRoute(chart, 'prefix', { service: reviews, match: { path: { prefix: '/a' } }, to });
    new VersionRoute(chart, 'longer-prefix', { service: reviews, match: { path: { prefix: '/ab' } }, to });
    new VersionRoute(chart, 'exact', { service: reviews, match: { path: '/a' }, to });
    new VersionRoute(chart, 'query', { service: reviews, match: { query: { q: '1' } }, to });
    expect(names(chart)).toEqual([
      'exact',
      'longer-prefix',
      'prefix',
      'regex',
      'method',
      'two-headers',
      'one-header',
      'query',
      'all',
    ]);
  });

  test('lets before and after override precedence', () => {
    const { chart, reviews } = world();
    const all = new VersionRoute(chart, 'all', { service: reviews, to: 'v1' });
    const exact = new VersionRoute(chart, 'exact', { service: reviews, match: { path: '/a' }, to: 'v2' });
    new VersionRoute(chart, 'first', { service: reviews, match: { method: 'GET' }, to: 'v3', before: exact });
    new VersionRoute(chart, 'last', { service: reviews, match: { method: 'PUT' }, to: 'v3', after: all });
    expect(names(chart)).toEqual(['first', 'exact', 'all', 'last']);
  });

  test('names both constructs when one request can match two rules of equal rank', () => {
    const { chart, reviews } = world();
    new HeaderRoute(chart, 'testers', { service: reviews, headers: { 'end-user': 'jason' }, to: 'v2' });
    new HeaderRoute(chart, 'beta', { service: reviews, headers: { beta: 'yes' }, to: 'v3' });
    expect(() => objectsOf(chart.node.root as App)).toThrow(
      /HeaderRoute "shop\/beta" \(.*routes\.test\.ts:\d+\) and HeaderRoute "shop\/testers" \(.*routes\.test\.ts:\d+\).*before: or after:/,
    );
  });

  test('takes rules of equal rank that no request can match together', () => {
    const { chart, reviews } = world();
    new HeaderRoute(chart, 'a', { service: reviews, headers: { 'end-user': 'ann' }, to: 'v2' });
    new HeaderRoute(chart, 'b', { service: reviews, headers: { 'END-USER': 'bob' }, to: 'v3' });
    expect(names(chart)).toEqual(['a', 'b', 'default']);
  });

  test('refuses a circle of before and after', () => {
    const { chart, reviews } = world();
    const a = new VersionRoute(chart, 'a', { service: reviews, match: { path: '/a' }, to: 'v1' });
    const b = new VersionRoute(chart, 'b', { service: reviews, match: { path: '/b' }, to: 'v1', after: a });
    new VersionRoute(chart, 'c', { service: reviews, match: { path: '/c' }, to: 'v1', after: b, before: a });
    expect(() => Testing.synth(chart)).toThrow(/form a circle/);
  });

  test('refuses before: a construct without a route in the table', () => {
    const { chart, reviews } = world();
    const other = MeshService.existing(chart, 'other', { port: 80, versions: ['v1'] });
    const foreign = new VersionRoute(chart, 'foreign', { service: other, to: 'v1' });
    new VersionRoute(chart, 'mine', { service: reviews, to: 'v1', before: foreign });
    expect(() => Testing.synth(chart)).toThrow(/before names VersionRoute "shop\/foreign".*has no route in reviews/);
  });

  test('refuses two constructs that stand for one service', () => {
    const { chart, reviews } = world();
    const again = MeshService.existing(chart, 'again', { name: 'reviews', port: 9080, versions: ['v1'] });
    new VersionRoute(chart, 'a', { service: reviews, to: 'v1' });
    expect(() => new VersionRoute(chart, 'b', { service: again, to: 'v1' })).toThrow(
      /two constructs stand for reviews\.default\.svc\.cluster\.local: .*"shop\/reviews".*"shop\/again"/,
    );
  });

  test.each([
    [{ v1: 50, v3: 40 }, /add up to 90 \(v1 50 \+ v3 40\)/],
    [{ v1: 50.5, v3: 49.5 }, /whole percentages/],
    [{ v1: -1, v3: 101 }, /whole percentages/],
  ])('refuses weights %j', (weights, message) => {
    const { chart, reviews } = world();
    expect(() => new TrafficSplit(chart, 'split', { service: reviews, weights })).toThrow(message);
  });

  test('gives every port of a service a rule', () => {
    const app = Testing.app();
    const chart = new Chart(app, 'shop', { namespace: 'default' });
    const service = MeshService.existing(chart, 'api', {
      port: { http: { port: 80 }, admin: { port: 81 }, raw: { port: 82, protocol: 'tcp' } },
      versions: ['v1'],
    });
    new VersionRoute(chart, 'stable', { service, to: 'v1' });
    const host = 'api.default.svc.cluster.local';
    expect(virtualService(chart).http).toEqual([
      { name: 'stable', match: [{ port: 80 }], route: [{ destination: { host, subset: 'v1', port: { number: 80 } } }] },
      { name: 'default-http-admin', match: [{ port: 81 }], route: [{ destination: { host, port: { number: 81 } } }] },
    ]);
  });

  test('is the same bytes for every order of construction', () => {
    const rules = [
      (chart: Chart, service: ServiceReference<Versions>) =>
        new CanaryRelease(chart, 'rollout', { service, stable: 'v1', canary: 'v3', weight: 10 }),
      (chart: Chart, service: ServiceReference<Versions>) =>
        new HeaderRoute(chart, 'testers', { service, headers: { 'end-user': 'jason' }, to: 'v2' }),
      (chart: Chart, service: ServiceReference<Versions>) =>
        new HeaderRoute(chart, 'staff', { service, headers: { 'end-user': 'ann' }, to: 'v2' }),
      (chart: Chart, service: ServiceReference<Versions>) =>
        new VersionRoute(chart, 'api', { service, match: { path: { prefix: '/api' } }, to: 'v1' }),
      (chart: Chart, service: ServiceReference<Versions>) =>
        new TrafficSplit(chart, 'posts', { service, match: { method: 'POST' }, weights: { v1: 50, v2: 50 } }),
    ];
    const synthesise = (order: typeof rules): string => {
      const { app, chart, reviews } = world();
      for (const make of order) make(chart, reviews);
      return JSON.stringify([...toManifestFiles(objectsOf(app))]);
    };
    const expected = synthesise(rules);
    fc.assert(
      fc.property(fc.shuffledSubarray(rules, { minLength: rules.length }), (order) => {
        expect(synthesise(order)).toBe(expected);
      }),
      { numRuns: 30, seed: 7 },
    );
  });
});
