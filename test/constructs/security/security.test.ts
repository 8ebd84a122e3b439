import { expect, test } from '@jest/globals';
import { type App, Chart, Testing } from 'cdk8s';
import { AllowAccess, DenyAccess, EgressAllow, MeshMtls, MeshService, objectsOf } from '../../../constructs/index.ts';

function world() {
  const chart = new Chart(Testing.app(), 'shop', { namespace: 'default' });
  const reviews = MeshService.existing(chart, 'reviews', { port: 9080 });
  const page = MeshService.existing(chart, 'page', { port: 9080, serviceAccount: 'bookinfo-page' });
  return { chart, reviews, page };
}
const objects = (chart: Chart) => objectsOf(chart.node.root as App).map(({ manifest }) => manifest);

test('AllowAccess names callers by identity, in one policy of a readable name', () => {
  const { chart, reviews, page } = world();
  new AllowAccess(chart, 'readers', {
    to: reviews,
    from: [page, 'ingress-gateway', { namespace: 'ops' }, { principal: 'spiffe://td/ns/a/sa/b' }],
    methods: ['HEAD', 'GET'],
    paths: ['/reviews/*'],
    ports: [9080],
  });
  expect(objects(chart)).toMatchObject([
    {
      kind: 'AuthorizationPolicy',
      metadata: { name: 'reviews-readers', namespace: 'default' },
      spec: {
        action: 'ALLOW',
        selector: { matchLabels: { app: 'reviews' } },
        rules: [
          {
            from: [
              { source: { namespaces: ['ops'] } },
              {
                source: {
                  principals: [
                    'cluster.local/ns/default/sa/bookinfo-page',
                    'cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account',
                    'td/ns/a/sa/b',
                  ],
                },
              },
            ],
            to: [{ operation: { methods: ['GET', 'HEAD'], paths: ['/reviews/*'], ports: ['9080'] } }],
          },
        ],
      },
    },
  ]);
});

test('DenyAccess without callers is for everybody', () => {
  const { chart, reviews } = world();
  new DenyAccess(chart, 'no-deletes', { to: reviews, methods: ['DELETE'] });
  expect(objects(chart)[0]).toMatchObject({
    metadata: { name: 'reviews-no-deletes' },
    spec: { action: 'DENY', rules: [{ to: [{ operation: { methods: ['DELETE'] } }] }] },
  });
  expect(() => new DenyAccess(chart, 'x', { to: reviews, methods: [] })).toThrow(/methods is empty/);
});

test('MeshMtls is for a namespace, the mesh or a service', () => {
  const { chart, reviews } = world();
  new MeshMtls(chart, 'namespace', { mode: 'STRICT' });
  new MeshMtls(chart, 'mesh', { mode: 'PERMISSIVE', scope: 'mesh' });
  new MeshMtls(chart, 'one', { mode: 'STRICT', scope: reviews, ports: { 9090: 'DISABLE' } });
  expect(objects(chart).map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, spec])).toEqual([
    ['default/default', { mtls: { mode: 'STRICT' } }],
    [
      'default/reviews',
      {
        mtls: { mode: 'STRICT' },
        portLevelMtls: { 9090: { mode: 'DISABLE' } },
        selector: { matchLabels: { app: 'reviews' } },
      },
    ],
    ['istio-system/default', { mtls: { mode: 'PERMISSIVE' } }],
  ]);
  expect(() => new MeshMtls(chart, 'x', { mode: 'STRICT', ports: { 1: 'STRICT' } })).toThrow(
    /needs a service as scope/,
  );
});

test('EgressAllow is one ServiceEntry', () => {
  const { chart } = world();
  new EgressAllow(chart, 'payments', { hosts: ['api.payments.example'] });
  new EgressAllow(chart, 'any', { hosts: ['*.cdn.example'], ports: [{ port: 80, protocol: 'HTTP' }], exportTo: ['*'] });
  expect(objects(chart).map(({ metadata, spec }) => [metadata.name, spec])).toEqual([
    [
      'any',
      {
        exportTo: ['*'],
        hosts: ['*.cdn.example'],
        location: 'MESH_EXTERNAL',
        ports: [{ name: 'http-80', number: 80, protocol: 'HTTP' }],
        resolution: 'NONE',
      },
    ],
    [
      'payments',
      {
        exportTo: ['.'],
        hosts: ['api.payments.example'],
        location: 'MESH_EXTERNAL',
        ports: [{ name: 'https-443', number: 443, protocol: 'HTTPS' }],
        resolution: 'DNS',
      },
    ],
  ]);
});
