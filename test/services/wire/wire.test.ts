import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { generate } from '../../../services/wire/generate.ts';
import { decodeMessage, encodeMessage, packAny, tryUnpack, unpackAny } from '../../../services/wire/xds.ts';

const generated = join(import.meta.dirname, '../../../services/wire/generated');

test('the generated files are current', () => {
  const { descriptors, types } = generate();
  expect(readFileSync(join(generated, 'descriptors.json'), 'utf8') === descriptors).toBe(true);
  expect(readFileSync(join(generated, 'types.ts'), 'utf8') === types).toBe(true);
});

test('a message survives the way through its bytes, enums as names and 64-bit integers as numbers', () => {
  const cluster = {
    name: 'a',
    type: 'EDS',
    connectTimeout: { seconds: 10, nanos: 5 },
    lbPolicy: 'LEAST_REQUEST',
  } as const;
  expect(
    decodeMessage('envoy.config.cluster.v3.Cluster', encodeMessage('envoy.config.cluster.v3.Cluster', cluster)),
  ).toEqual(cluster);
  const packed = packAny('envoy.config.cluster.v3.Cluster', cluster);
  expect(unpackAny(packed)).toEqual({ name: 'envoy.config.cluster.v3.Cluster', message: cluster });
  const response = { typeUrl: packed.typeUrl, resources: [packed] };
  const back = decodeMessage(
    'envoy.service.discovery.v3.DiscoveryResponse',
    encodeMessage('envoy.service.discovery.v3.DiscoveryResponse', response),
  );
  expect(unpackAny(back.resources![0]!)).toEqual({ name: 'envoy.config.cluster.v3.Cluster', message: cluster });
  expect(tryUnpack('envoy.config.listener.v3.Listener', packed)).toBeUndefined();
});

test('broken bytes and unknown types are named errors', () => {
  expect(() => decodeMessage('envoy.config.cluster.v3.Cluster', new Uint8Array([0x0a, 0xff, 0x01]))).toThrow(
    /are not a envoy.config.cluster.v3.Cluster/,
  );
  expect(() => unpackAny({ typeUrl: 'type.googleapis.com/no.such.Type' })).toThrow(
    /not a type that this program knows/,
  );
});
