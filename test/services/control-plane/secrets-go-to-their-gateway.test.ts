import { expect, test } from '@jest/globals';
import { buildModel } from '../../../services/control-plane/model/build.ts';
import { ResourceSets } from '../../../services/control-plane/resource-sets.ts';
import { TYPE_URL } from '../../../services/wire/xds.ts';
import { bookinfo } from './generate/bookinfo.ts';

const node = { id: 'router~10.244.0.30~istio-ingressgateway-abc-1.istio-system~istio-system.svc.cluster.local' };

function secretsFor(identities: readonly string[], nodeId = node.id): string[] {
  const world = bookinfo();
  const tls = { mode: 'SIMPLE' as const, credentialName: 'bookinfo-cert' };
  const server = { port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts: ['*'], tls };
  const sets = new ResourceSets();
  sets.use(
    buildModel({
      ...world,
      gateways: world.gateways.map((gateway) => ({ ...gateway, spec: { ...gateway.spec, servers: [server] } })),
      credentials: [{ namespace: 'istio-system', name: 'bookinfo-cert', certificateChain: 'chain', privateKey: 'key' }],
    }),
  );
  return [...(sets.for({ id: nodeId }, { identities })?.get(TYPE_URL.secret)?.keys() ?? [])];
}

test('a gateway that proved its account gets the key of its certificate', () => {
  expect(secretsFor(['spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway'])).toEqual([
    'kubernetes://bookinfo-cert',
  ]);
});

test('nobody else does: no proof, another account, another namespace, a pod that is not there', () => {
  expect(secretsFor([])).toEqual([]);
  expect(secretsFor(['spiffe://cluster.local/ns/istio-system/sa/default'])).toEqual([]);
  expect(secretsFor(['spiffe://cluster.local/ns/default/sa/istio-ingressgateway'])).toEqual([]);
  const stranger = node.id.replace('abc-1', 'abc-2');
  expect(secretsFor(['spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway'], stranger)).toEqual([]);
});
