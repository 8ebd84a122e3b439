import { expect, test } from '@jest/globals';
import { type App, Chart, Testing } from 'cdk8s';
import type { DestinationRuleSpec } from '#api/destination-rule.ts';
import type { VirtualServiceSpec } from '#api/virtual-service.ts';
import {
  CanaryRelease,
  FaultInjection,
  HeaderRoute,
  MeshService,
  objectsOf,
  Resilience,
  TrafficMirror,
} from '../../../constructs/index.ts';

function world() {
  const chart = new Chart(Testing.app(), 'shop', { namespace: 'default' });
  const reviews = MeshService.existing(chart, 'reviews', { port: 9080, versions: ['v1', 'v2', 'v3'] });
  const rollout = new CanaryRelease(chart, 'rollout', { service: reviews, stable: 'v1', canary: 'v3', weight: 10 });
  const testers = new HeaderRoute(chart, 'testers', { service: reviews, headers: { 'end-user': 'jason' }, to: 'v2' });
  return { chart, reviews, rollout, testers };
}
/** Checked objects: what synthesis accepts. */
const specOf = <Spec>(chart: Chart, kind: string): Spec =>
  objectsOf(chart.node.root as App).find((each) => each.manifest.kind === kind)?.manifest['spec'] as Spec;
const routesOf = (chart: Chart) => specOf<VirtualServiceSpec>(chart, 'VirtualService').http ?? [];

test('a mirror copies requests of every route, or of those named', () => {
  const { chart, reviews, rollout } = world();
  new TrafficMirror(chart, 'shadow', { service: reviews, to: 'v2', percent: 25, routes: [rollout] });
  expect(routesOf(chart).map((route) => [route.name, route.mirrors])).toEqual([
    ['testers', undefined],
    [
      'rollout',
      [{ destination: { host: 'reviews.default.svc.cluster.local', subset: 'v2' }, percentage: { value: 25 } }],
    ],
  ]);
});

test('a fault delays or fails a share of the requests', () => {
  const { chart, reviews, testers } = world();
  new FaultInjection(chart, 'slow', {
    service: reviews,
    delay: { duration: '7s', percent: 100 },
    abort: { httpStatus: 503, percent: 50 },
    routes: [testers],
  });
  expect(routesOf(chart)[0]?.fault).toEqual({
    delay: { fixedDelay: '7s', percentage: { value: 100 } },
    abort: { httpStatus: 503, percentage: { value: 50 } },
  });
  expect(routesOf(chart)[1]?.fault).toBeUndefined();
});

test('resilience sets time limit and retries on routes, limits and ejection on the destination rule', () => {
  const { chart, reviews } = world();
  new Resilience(chart, 'limits', {
    service: reviews,
    timeout: '5s',
    retries: { attempts: 2, perTryTimeout: '1s' },
    limits: { maxConnections: 10, maxPendingRequests: 5, connectTimeout: '1s' },
    ejection: { consecutive5xxErrors: 3, baseEjectionTime: '10s' },
  });
  for (const route of routesOf(chart)) {
    expect(route.timeout).toBe('5s');
    expect(route.retries).toEqual({ attempts: 2, perTryTimeout: '1s', retryOn: 'connect-failure,refused-stream' });
  }
  expect(specOf<DestinationRuleSpec>(chart, 'DestinationRule').trafficPolicy).toEqual({
    connectionPool: { http: { http1MaxPendingRequests: 5 }, tcp: { maxConnections: 10, connectTimeout: '1s' } },
    outlierDetection: { consecutive5xxErrors: 3, baseEjectionTime: '10s' },
  });
});

test('two constructs that set one field are both named', () => {
  const { chart, reviews } = world();
  new Resilience(chart, 'a', { service: reviews, timeout: '5s' });
  new Resilience(chart, 'b', { service: reviews, timeout: '6s' });
  expect(() => routesOf(chart)).toThrow(/timeout is set by both Resilience "shop\/a".*Resilience "shop\/b"/);
});

test('a duration that is none is named with construct and field', () => {
  const { chart, reviews } = world();
  new Resilience(chart, 'limits', { service: reviews, timeout: '5' });
  expect(() => routesOf(chart)).toThrow(/spec\.http\[0\]\.timeout: "5" is not a duration \(write 5s or 5ms\)/);
});

test.each<[string, (at: ReturnType<typeof world>) => unknown, RegExp]>([
  ['no fault', ({ chart, reviews }) => new FaultInjection(chart, 'x', { service: reviews }), /neither delay nor abort/],
  ['nothing', ({ chart, reviews }) => new Resilience(chart, 'x', { service: reviews }), /says nothing/],
  [
    'a share above 100',
    ({ chart, reviews }) => new TrafficMirror(chart, 'x', { service: reviews, to: 'v1', percent: 101 }),
    /percent is 101; use percent, 0 to 100/,
  ],
])('%s is refused', (_what, make, message) => {
  expect(() => make(world())).toThrow(message);
});
