// The program's traffic, asked of the oracle: no cluster, milliseconds.
import { test } from '@jest/globals';
import { expectRequest, testEnvironment } from '../constructs/testing/index.ts';
import program from './platform.ts';

const from = (workload: string) => expectRequest(program(testEnvironment())).from(workload);
const call = () => from('productpage').get('http://reviews:9080/');

test('testers always see v2', () => {
  call().withHeaders({ 'end-user': 'jason' }).reaches('reviews', 'v2');
});

test('one in ten of the others sees v3', () => {
  call().splits('reviews', { v1: 90, v3: 10 });
});

test('the page comes through the ingress gateway, and nothing else does', () => {
  const visitor = from('istio-ingressgateway');
  visitor.get('http://bookinfo.example.com/productpage').reaches('productpage', 'v1');
  visitor.get('http://bookinfo.example.com/reviews/0').isDenied();
});

test('details and ratings are reached by who needs them', () => {
  from('productpage').get('http://details:9080/details/0').reaches('details', 'v1');
  from('reviews-v2').get('http://ratings:9080/ratings/0').reaches('ratings', 'v1');
});
