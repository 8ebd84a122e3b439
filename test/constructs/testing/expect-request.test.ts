// The oracle on plain objects: splits, headers, gateways, refusals, and failures that explain themselves.
import { AssertionError } from 'node:assert';
import { describe, expect, test } from '@jest/globals';
import { expectRequest } from '../../../constructs/testing/index.ts';
import { observe } from '../../../constructs/testing/observe.ts';
import { traceRequest } from '../../../constructs/testing/trace.ts';

const deployment = (
  name: string,
  labels: Record<string, string>,
  more: { replicas?: number; namespace?: string } = {},
) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: more.namespace ?? 'default' },
  spec: {
    replicas: more.replicas ?? 1,
    template: {
      metadata: { labels },
      spec: { containers: [{ name: 'app', ports: [{ name: 'http', containerPort: 9080 }] }] },
    },
  },
});
const service = (name: string, ports: object[] = [{ name: 'http', port: 9080 }], more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: name }, ports, ...more },
});
const istio = (kind: string, name: string, spec: object, group = 'networking.istio.io', namespace = 'default') => ({
  apiVersion: `${group}/v1`,
  kind,
  metadata: { name, namespace },
  spec,
});
const to = (subset: string, weight?: number) => ({
  destination: { host: 'reviews', subset },
  ...(weight === undefined ? {} : { weight }),
});

const bookinfo = [
  deployment('productpage-v1', { app: 'productpage', version: 'v1' }),
  ...['v1', 'v2', 'v3'].map((version) => deployment(`reviews-${version}`, { app: 'reviews', version })),
  service('productpage'),
  service('reviews'),
  istio('DestinationRule', 'reviews', {
    host: 'reviews',
    subsets: ['v1', 'v2', 'v3'].map((name) => ({ name, labels: { version: name } })),
  }),
];
const routes = (...http: object[]) => istio('VirtualService', 'reviews', { hosts: ['reviews'], http });
const canary = routes(
  { name: 'testers', match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: [to('v2')] },
  { name: 'rollout', route: [to('v1', 90), to('v3', 10)] },
);
const ask = (...more: object[]) =>
  expectRequest([...bookinfo, ...more])
    .from('productpage')
    .get('http://reviews:9080/');
const failure = (action: () => unknown): AssertionError => {
  try {
    action();
  } catch (error) {
    return error as AssertionError;
  }
  throw new Error('it did not fail');
};

describe('in the mesh', () => {
  test('testers always see v2, one in ten of the others v3', () => {
    ask(canary).withHeaders({ 'End-User': 'jason' }).reaches('reviews', 'v2');
    ask(canary).splits('reviews', { v1: 90, v3: 10 });
    ask(canary).reaches('reviews');
  });

  test('without rules every pod of the service counts the same', () => {
    ask().reaches('reviews');
    const scaled = bookinfo.map((each) =>
      each.metadata.name === 'reviews-v3'
        ? deployment('reviews-v3', { app: 'reviews', version: 'v3' }, { replicas: 2 })
        : each,
    );
    expectRequest(scaled)
      .from('productpage-v1')
      .get('http://reviews.default.svc.cluster.local:9080/')
      .splits('reviews.default', { v1: 25, v2: 25, v3: 50 });
  });

  test('a failure says which rules were tried and why they did not match', () => {
    const error = failure(() => ask(canary).withHeaders({ 'end-user': 'bob' }).reaches('reviews', 'v2'));
    expect(error).toBeInstanceOf(AssertionError);
    expect(error.message).toContain(
      'expected GET http://reviews:9080/ from productpage-v1 to reach reviews v2, but 90 % reaches reviews v1',
    );
    expect(error.message).toContain(
      'rule "testers" of VirtualService default/reviews did not match: header end-user is "jason", but is "bob"',
    );
    expect(error.message).toContain('rule "rollout" of VirtualService default/reviews matched');
    expect(ask(canary).explain()).toContain(
      '10 % reaches reviews v3 (reviews-v3-simulated-0 10.244.0.5:9080) by mutual TLS, cluster outbound|9080|v3|',
    );
  });

  test('wrong shares fail, and shares that do not make sense are refused', () => {
    expect(failure(() => ask(canary).splits('reviews', { v1: 50, v3: 50 })).message).toContain(
      'to be divided among reviews: v1 50 %, v3 50 %',
    );
    expect(() => ask(canary).splits('reviews', { v1: 50 })).toThrow(RangeError);
  });

  test('a subset that nobody defines, or without pods, is refused with its reason', () => {
    ask(routes({ route: [to('v9')] })).isDenied();
    expect(ask(routes({ route: [to('v9')] })).explain()).toContain('no DestinationRule of reviews has a subset "v9"');
  });

  test('redirects and answers of the proxy', () => {
    ask(routes({ redirect: { uri: '/new', redirectCode: 302 } })).redirectsTo('http://reviews:9080/new', 302);
    ask(routes({ directResponse: { status: 503 } })).isDenied();
  });

  test('methods, paths and queries count', () => {
    const rules = routes(
      {
        match: [{ method: { exact: 'POST' }, uri: { prefix: '/api' }, queryParams: { v: { exact: '2' } } }],
        route: [to('v2')],
      },
      { route: [to('v1')] },
    );
    const from = expectRequest([...bookinfo, rules]).from('productpage');
    from.post('http://reviews:9080/api/x?v=2').reaches('reviews', 'v2');
    from.post('http://reviews:9080/api/x?v=1').reaches('reviews', 'v1');
    from.get('http://reviews:9080/api/x?v=2').reaches('reviews', 'v1');
    from.put('http://reviews:9080/').reaches('reviews', 'v1');
    from.delete('http://reviews:9080/').reaches('reviews', 'v1');
  });

  test('what is not a service goes out, unless the mesh says otherwise', () => {
    const strict = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh: 'outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n' },
    };
    const out = (...more: object[]) =>
      expectRequest([...bookinfo, ...more])
        .from('productpage')
        .get('http://example.com:8000/');
    expect(out().explain()).toContain('outside of the mesh');
    out(strict).isDenied();
  });

  test('STRICT refuses callers without a proxy', () => {
    const strict = istio('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } }, 'security.istio.io');
    const outsider = deployment('legacy', { app: 'legacy', 'sidecar.istio.io/inject': 'false' });
    const call = (from: string) =>
      expectRequest([...bookinfo, strict, outsider])
        .from(from)
        .get('http://reviews:9080/');
    call('productpage').reaches('reviews');
    call('legacy').isDenied();
    expectRequest([...bookinfo, outsider])
      .from('legacy')
      .get('http://reviews:9080/')
      .reaches('reviews');
  });
});

describe('through a gateway', () => {
  const gateway = [
    {
      ...deployment('istio-ingressgateway', { istio: 'ingressgateway' }),
      metadata: { name: 'istio-ingressgateway', namespace: 'istio-system' },
    },
    {
      ...service('istio-ingressgateway', [{ name: 'http2', port: 80, targetPort: 8080 }]),
      metadata: { name: 'istio-ingressgateway', namespace: 'istio-system' },
      spec: { selector: { istio: 'ingressgateway' }, ports: [{ name: 'http2', port: 80, targetPort: 8080 }] },
    },
    istio('Gateway', 'bookinfo', {
      selector: { istio: 'ingressgateway' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
    }),
    istio('VirtualService', 'bookinfo', {
      hosts: ['*'],
      gateways: ['bookinfo'],
      http: [
        {
          match: [{ uri: { exact: '/productpage' } }],
          route: [{ destination: { host: 'productpage', port: { number: 9080 } } }],
        },
      ],
    }),
  ];
  test('a client outside gets the page, and 404 for the rest', () => {
    const from = expectRequest([...bookinfo, ...gateway]).from('istio-ingressgateway');
    from.get('http://bookinfo.example.com/productpage').reaches('productpage', 'v1');
    from.get('http://bookinfo.example.com/other').isDenied();
    expect(from.get('http://bookinfo.example.com/other').explain()).toContain('404');
    from.get('http://bookinfo.example.com:81/').isDenied();
  });
});

describe('a running cluster', () => {
  const pod = (name: string, ip: string, labels: Record<string, string>, args?: string[]) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      labels: { ...labels, 'pod-template-hash': 'abc', ...(args ? { 'security.istio.io/tlsMode': 'istio' } : {}) },
    },
    spec: {
      serviceAccountName: 'sa',
      containers: [{ name: 'app' }],
      initContainers: args ? [{ name: 'istio-proxy', args }] : [],
    },
    status: { podIP: ip, phase: 'Running' },
  });
  const objects = [
    pod('web-abc-1', '10.0.0.1', { app: 'web' }, ['proxy', 'sidecar']),
    pod('api-abc-1', '10.0.0.2', { app: 'api', version: 'v1' }, ['proxy', 'sidecar']),
    pod('job-abc-1', '10.0.0.3', { app: 'job' }),
    { ...pod('old-abc-1', '10.0.0.4', { app: 'api' }), status: { phase: 'Succeeded' } },
    service('api', [{ name: 'http', port: 80, targetPort: 8080 }], { clusterIP: '10.96.0.9' }),
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'api-x', namespace: 'default', labels: { 'kubernetes.io/service-name': 'api' } },
      addressType: 'IPv4',
      endpoints: [
        {
          addresses: ['10.0.0.2'],
          conditions: { ready: true },
          targetRef: { kind: 'Pod', name: 'api-abc-1', namespace: 'default' },
        },
      ],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    },
  ];
  test('is observed as it is: pods, addresses, endpoints, who has a proxy', () => {
    const world = observe(objects);
    expect(world.workloads.map((each) => [each.name, each.proxy, each.pods.length])).toEqual([
      ['web', 'sidecar', 1],
      ['api', 'sidecar', 1],
      ['job', 'none', 1],
    ]);
    const trace = traceRequest(world, { from: 'web', method: 'GET', url: 'http://api/', headers: {} });
    expect(trace.outcomes).toMatchObject([
      { share: 1, version: 'v1', pods: ['api-abc-1'], addresses: ['10.0.0.2:8080'], mutualTls: true },
    ]);
  });
});

describe('mistakes in a test', () => {
  test('an unknown workload, a relative URL and a thing that is no object are named', () => {
    expect(() => expectRequest(bookinfo).from('productpge-v1').get('http://reviews:9080/').explain()).toThrow(
      'did you mean productpage-v1?',
    );
    expect(() => expectRequest(bookinfo).from('productpage').get('/').explain()).toThrow('is not a URL');
    expect(() => expectRequest([{ kind: 'x' }])).toThrow('not a Kubernetes object');
  });
});
