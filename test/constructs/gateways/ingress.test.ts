import { expect, test } from '@jest/globals';
import { Chart, Testing } from 'cdk8s';
import { IngressGateway, IngressRoute, MeshService } from '../../../constructs/index.ts';

interface Found {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Record<string, unknown>;
}
const world = () => {
  const chart = new Chart(Testing.app(), 'shop', { namespace: 'default' });
  return { chart, web: MeshService.existing(chart, 'web', { port: 80, versions: ['v1', 'v2'] }) };
};
const specOf = (chart: Chart, kind: string, name: string) =>
  (Testing.synth(chart) as Found[]).find((each) => each.kind === kind && each.metadata.name === name)?.spec;

test("a gateway for all hosts, its routes in one VirtualService of the gateway's name", () => {
  const { chart, web } = world();
  const gateway = new IngressGateway(chart, 'edge', { hosts: ['*'] });
  new IngressRoute(chart, 'rest', { gateway, service: web });
  new IngressRoute(chart, 'page', {
    gateway,
    service: web,
    paths: ['/page', { prefix: '/static' }],
    to: 'v2',
    timeout: '5s',
  });
  expect(specOf(chart, 'Gateway', 'edge')).toEqual({
    selector: { istio: 'ingressgateway' },
    servers: [{ hosts: ['*'], port: { name: 'http', number: 80, protocol: 'HTTP' } }],
  });
  const host = 'web.default.svc.cluster.local';
  expect(specOf(chart, 'VirtualService', 'edge')).toEqual({
    hosts: ['*'],
    gateways: ['edge'],
    http: [
      {
        name: 'page',
        match: [{ uri: { exact: '/page' } }, { uri: { prefix: '/static' } }],
        route: [{ destination: { host, port: { number: 80 }, subset: 'v2' } }],
        timeout: '5s',
      },
      { name: 'rest', route: [{ destination: { host, port: { number: 80 } } }] },
    ],
  });
});

test('TLS with a redirect from HTTP', () => {
  const { chart } = world();
  new IngressGateway(chart, 'edge', { hosts: ['a.example'], tls: { credentialName: 'cert' }, httpsRedirect: true });
  expect(specOf(chart, 'Gateway', 'edge')?.['servers']).toEqual([
    {
      hosts: ['a.example'],
      port: { name: 'https', number: 443, protocol: 'HTTPS' },
      tls: { credentialName: 'cert', mode: 'SIMPLE' },
    },
    { hosts: ['a.example'], port: { name: 'http', number: 80, protocol: 'HTTP' }, tls: { httpsRedirect: true } },
  ]);
});

test('each host of a gateway has a VirtualService of its own', () => {
  const { chart, web } = world();
  const gateway = new IngressGateway(chart, 'edge', { hosts: ['a.example', '*.b.example'] });
  new IngressRoute(chart, 'one', { gateway, service: web, host: 'a.example' });
  new IngressRoute(chart, 'two', { gateway, service: web, host: 'x.b.example' });
  expect(specOf(chart, 'VirtualService', 'edge-a-example')?.['hosts']).toEqual(['a.example']);
  expect(specOf(chart, 'VirtualService', 'edge-x-b-example')?.['hosts']).toEqual(['x.b.example']);
});

test('mistakes are refused with what to do', () => {
  const { chart, web } = world();
  const gateway = new IngressGateway(chart, 'edge', { hosts: ['a.example', 'b.example'] });
  expect(() => new IngressRoute(chart, 'x', { gateway, service: web })).toThrow(
    /serves a\.example, b\.example; say host:/,
  );
  expect(() => new IngressRoute(chart, 'y', { gateway, service: web, host: 'c.example' })).toThrow(
    /does not serve c\.example/,
  );
  expect(() => new IngressGateway(chart, 'z', { hosts: ['*'], tls: {} })).toThrow(/needs credentialName/);
  expect(() => new IngressGateway(chart, 'r', { hosts: ['*'], httpsRedirect: true })).toThrow(/needs tls/);
});
