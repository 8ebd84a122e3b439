import { expect, test } from '@jest/globals';
import { parseRequestHead, parseResponseHead } from '#lib/http/head.ts';
import {
  type AccessRecord,
  compileJsonFormat,
  compileTextFormat,
  ISTIO_JSON_FORMAT,
  ISTIO_TEXT_FORMAT,
} from '#lib/telemetry/access-log.ts';
import { Registry } from '#lib/telemetry/registry.ts';

test('series are exposed in Prometheus text form', () => {
  const registry = new Registry();
  const requests = registry.counter('requests_total', ['code', 'path']);
  requests.series('200', 'a"b\\c\n').add(2);
  requests.series('200', 'a"b\\c\n').add(1);
  const duration = registry.histogram('duration', ['x'], [1, 10]).series('y');
  for (const value of [0.5, 1, 5, 50]) duration.observe(value);
  registry.counter('silent_total');
  expect(registry.expose()).toBe(
    [
      '# TYPE requests_total counter',
      'requests_total{code="200",path="a\\"b\\\\c\\n"} 3',
      '# TYPE duration histogram',
      'duration_bucket{x="y",le="1"} 2',
      'duration_bucket{x="y",le="10"} 3',
      'duration_bucket{x="y",le="+Inf"} 4',
      'duration_sum{x="y"} 56.5',
      'duration_count{x="y"} 4',
      '',
    ].join('\n'),
  );
});

const record: AccessRecord = {
  startMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  durationMs: 7,
  method: 'GET',
  path: '/new',
  authority: 'reviews:9080',
  protocol: 'HTTP/1.1',
  requestHead: parseRequestHead(
    'GET /new HTTP/1.1\r\nHost: reviews:9080\r\nUser-Agent: curl\r\nX-Envoy-Original-Path: /old\r\n',
  ),
  responseHead: parseResponseHead('HTTP/1.1 200 OK\r\n'),
  requestId: 'id',
  status: 200,
  responseFlags: '-',
  responseCodeDetails: 'via_upstream',
  terminationDetails: undefined,
  upstreamFailure: undefined,
  bytesReceived: 0,
  bytesSent: 5,
  upstreamServiceMs: 6,
  upstreamHost: '10.0.0.1:9080',
  upstreamCluster: 'outbound|9080||reviews.default.svc.cluster.local',
  upstreamLocalAddress: '10.0.0.2:40000',
  downstreamLocalAddress: '10.96.0.1:9080',
  downstreamRemoteAddress: '10.0.0.2:50000',
  requestedServerName: undefined,
  routeName: 'default',
};

test("a line in Istio's text format", () => {
  expect(compileTextFormat(ISTIO_TEXT_FORMAT)(record)).toBe(
    '[2026-01-02T03:04:05.006Z] "GET /old HTTP/1.1" 200 - via_upstream - "-" 0 5 7 6 "-" "curl" "id" "reviews:9080" "10.0.0.1:9080" ' +
      'outbound|9080||reviews.default.svc.cluster.local 10.0.0.2:40000 10.96.0.1:9080 10.0.0.2:50000 - default\n',
  );
});

test("a line in Istio's JSON format: numbers are numbers, nothing is null", () => {
  const line = JSON.parse(compileJsonFormat(ISTIO_JSON_FORMAT, false)(record));
  expect(line).toMatchObject({
    response_code: 200,
    duration: 7,
    requested_server_name: null,
    path: '/old',
    route_name: 'default',
  });
  expect(JSON.parse(compileJsonFormat(ISTIO_JSON_FORMAT, true)(record))).not.toHaveProperty('requested_server_name');
});

test('literals, percent signs, lengths and unknown operators', () => {
  expect(compileTextFormat('%%%REQ(:PATH):2%-%WHAT%-%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')(record)).toBe(
    '%/n---10.0.0.2',
  );
});
