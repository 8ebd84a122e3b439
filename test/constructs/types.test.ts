// What must not compile. The type check is the test; running it makes sure that the rest still does.
import { expect, test } from '@jest/globals';
import { Chart, Testing } from 'cdk8s';
import { CanaryRelease, HeaderRoute, IngressGateway, MeshService, TrafficSplit } from '../../constructs/index.ts';

const chart = new Chart(Testing.app(), 'types', { namespace: 'default' });
const reviews = new MeshService(chart, 'reviews', { port: 9080, versions: { v1: 'r:1', v2: 'r:2' } });

test('a version that the service does not have does not compile, and is refused where types are bypassed', () => {
  const service = reviews;
  // @ts-expect-error reviews has no v4
  expect(() => new HeaderRoute(chart, 'a', { service, headers: { x: 'y' }, to: 'v4' })).toThrow(
    /no version "v4"; it has v1, v2/,
  );
  expect(
    // @ts-expect-error reviews has no v4
    () => new CanaryRelease(chart, 'b', { service, stable: 'v1', canary: 'v4', weight: 10 }),
  ).toThrow(/no version "v4"/);
  // @ts-expect-error reviews has no v4
  expect(() => new TrafficSplit(chart, 'c', { service, weights: { v1: 50, v4: 50 } })).toThrow(/no version "v4"/);
});

test('a condition has one form', () => {
  const service = reviews;
  // @ts-expect-error a method is one of a list
  new HeaderRoute(chart, 'd', { service, headers: { x: 'y' }, method: 'FETCH', to: 'v1' });
  // @ts-expect-error an empty condition says nothing
  expect(() => new HeaderRoute(chart, 'e', { service, headers: { x: {} }, to: 'v1' })).toBeDefined();
});

test('a gateway serves at least one host', () => {
  // @ts-expect-error no host
  new IngressGateway(chart, 'gateway', { hosts: [] });
});
