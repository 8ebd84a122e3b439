// The example of docs/architecture.md: a program and its test, as a user writes them.
import { describe, expect, test } from '@jest/globals';
import bookinfo from '../../../apps/platform.ts';
import {
  CanaryRelease,
  Chart,
  type Environment,
  HeaderRoute,
  MeshService,
  Platform,
} from '../../../constructs/index.ts';
import { expectRequest, testEnvironment } from '../../../constructs/testing/index.ts';

class Reviews extends Chart {
  constructor(platform: Platform) {
    super(platform, 'reviews', { namespace: 'default' });
    const image = (v: string) => `docker.io/istio/examples-bookinfo-reviews-${v}:1.20.3`;
    const reviews = new MeshService(this, 'reviews', {
      port: 9080,
      versions: { v1: image('v1'), v2: image('v2'), v3: image('v3') },
    });
    new MeshService(this, 'productpage', {
      port: 9080,
      versions: { v1: 'docker.io/istio/examples-bookinfo-productpage-v1:1.20.3' },
    });
    new HeaderRoute(this, 'testers', { service: reviews, headers: { 'end-user': 'jason' }, to: 'v2' });
    new CanaryRelease(this, 'rollout', { service: reviews, stable: 'v1', canary: 'v3', weight: 10 });
  }
}
const program = (env: Environment): Platform => {
  const platform = new Platform(env);
  new Reviews(platform);
  return platform;
};

describe('the example program', () => {
  const call = () => expectRequest(program(testEnvironment())).from('productpage').get('http://reviews:9080/');
  test('testers always see v2', () => {
    call().withHeaders({ 'end-user': 'jason' }).reaches('reviews', 'v2');
  });
  test('one in ten of the others sees v3', () => {
    call().splits('reviews', { v1: 90, v3: 10 });
  });
  test('the chart alone will do, too', () => {
    const platform = new Platform(testEnvironment());
    expectRequest(new Reviews(platform))
      .from('productpage')
      .get('http://reviews:9080/')
      .splits('reviews', { v1: 90, v3: 10 });
  });
});

describe("this repository's program", () => {
  const ask = (from: string) => expectRequest(bookinfo(testEnvironment())).from(from);
  test('Bookinfo: testers, the canary, and the page through the gateway', () => {
    ask('productpage')
      .get('http://reviews:9080/reviews/0')
      .withHeaders({ 'end-user': 'jason' })
      .reaches('reviews', 'v2');
    ask('productpage').get('http://reviews:9080/reviews/0').splits('reviews', { v1: 90, v3: 10 });
    ask('istio-ingressgateway').get('http://bookinfo.example.com/productpage').reaches('productpage');
  });
  test('an explanation names the rules by their constructs', () => {
    expect(ask('productpage').get('http://reviews:9080/').explain()).toMatch(
      /rule "testers" of VirtualService default\/reviews did not match: header end-user/,
    );
  });
});
