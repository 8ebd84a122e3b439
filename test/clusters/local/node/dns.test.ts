import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeReply, parseQuestion, RCODE, TYPE } from '../../../../clusters/local/node/dns/message.ts';
import { resolve, type Zone } from '../../../../clusters/local/node/dns/zone.ts';
import type { EndpointSlice, Service } from '../../../../clusters/local/node/pod-types.ts';

function query(name: string, type: number): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0x1234, 0);
  head.writeUInt16BE(0x0100, 2);
  head.writeUInt16BE(1, 4);
  const tail = Buffer.from([0, 0, type, 0, 1]);
  return Buffer.concat([head, ...labels, tail]);
}

const meta = (name: string) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' } });
const services: Service[] = [
  { ...meta('web'), spec: { clusterIP: '10.96.1.2', ports: [{ name: 'http', port: 80 }] } },
  { ...meta('db'), spec: { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] } },
  { ...meta('out'), spec: { type: 'ExternalName', externalName: 'elsewhere.example' } },
];
const slice: EndpointSlice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'db-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'db' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.244.0.9'], hostname: 'db-0', conditions: { ready: true } }],
  ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
};
const zone: Zone = {
  domain: 'cluster.local',
  service: (namespace, name) => services.find((it) => it.metadata.namespace === namespace && it.metadata.name === name),
  slices: (_, name) => (name === 'db' ? [slice] : []),
  serviceAt: (address) => services.find((it) => it.spec?.clusterIP === address),
};
const ask = (name: string, type: number) => resolve(parseQuestion(query(name, type))!, zone);

describe('cluster DNS', () => {
  test('a service has its address', () => {
    expect(ask('web.shop.svc.cluster.local', TYPE.A).answers).toMatchObject([{ type: 'A', address: '10.96.1.2' }]);
  });
  test('a headless service has its endpoints, by name too', () => {
    expect(ask('db.shop.svc.cluster.local', TYPE.A).answers).toMatchObject([{ address: '10.244.0.9' }]);
    expect(ask('db-0.db.shop.svc.cluster.local', TYPE.A).answers).toMatchObject([{ address: '10.244.0.9' }]);
  });
  test('a named port has an SRV record', () => {
    expect(ask('_http._tcp.web.shop.svc.cluster.local', TYPE.SRV).answers).toMatchObject([{ type: 'SRV', port: 80 }]);
  });
  test('an external name is an alias', () => {
    expect(ask('out.shop.svc.cluster.local', TYPE.A).answers).toMatchObject([
      { type: 'CNAME', target: 'elsewhere.example' },
    ]);
  });
  test('an address leads back to its service', () => {
    expect(ask('2.1.96.10.in-addr.arpa', TYPE.PTR).answers).toMatchObject([{ target: 'web.shop.svc.cluster.local' }]);
  });
  test.each(['example.com', 'nothing.shop.svc.cluster.local', 'web.svc.cluster.local.example.com'])(
    '%s has no answer',
    (name) => expect(ask(name, TYPE.A)).toMatchObject({ rcode: RCODE.nameError, answers: [] }),
  );

  test('no bytes crash the parser, and a reply to what it takes is well-formed', () => {
    const real = query('web.shop.svc.cluster.local', TYPE.A);
    const mutated = fc.tuple(fc.nat(real.length - 1), fc.nat(255), fc.nat(real.length)).map(([at, byte, cut]) => {
      const copy = Buffer.from(real);
      copy[at] = byte;
      return copy.subarray(0, cut);
    });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }).map((it) => Buffer.from(it)),
      mutated,
    );
    fc.assert(
      fc.property(bytes, (message) => {
        const question = parseQuestion(message);
        if (question === undefined) return;
        const reply = encodeReply(question, resolve(question, zone), 512);
        expect(reply.readUInt16BE(0)).toBe(question.id);
        expect(reply.length).toBeLessThanOrEqual(Math.max(512, 12 + question.bytes.length));
      }),
      { numRuns: 500 },
    );
  });
});
