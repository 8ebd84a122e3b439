import { describe, expect, test } from '@jest/globals';
import { allResources, generate } from '../../../../services/control-plane/generate/index.ts';
import { buildModel } from '../../../../services/control-plane/model/build.ts';
import { encodeMessage, tryUnpack } from '../../../../services/wire/xds.ts';
import { compileRoutes } from '../../../../services/lib/match/routes.ts';
import { bookinfo, router, sidecar } from './bookinfo.ts';

const model = buildModel(bookinfo());
const configuration = generate(model, sidecar);
const named = <T extends { name: string }>(all: readonly T[], name: string): T => {
  const found = all.find((it) => it.name === name);
  if (!found) throw new Error(`no ${name} in ${all.map((it) => it.name).join(', ')}`);
  return found;
};

test('everything encodes', () => {
  for (const proxy of [sidecar, router, { ...sidecar, flavour: 'stock' as const }])
    for (const it of allResources(generate(model, proxy)))
      expect(encodeMessage(it.type, it.message as never).length).toBeGreaterThan(0);
});

describe('a sidecar', () => {
  test('has a cluster for each port and subset, and the fixed ones', () => {
    const names = configuration.clusters.map((it) => it.name);
    for (const name of [
      'outbound|9080||reviews.default.svc.cluster.local',
      'outbound|9080|v3|reviews.default.svc.cluster.local',
      'inbound|9080||',
      'BlackHoleCluster',
      'PassthroughCluster',
      'InboundPassthroughCluster',
    ])
      expect(names).toContain(name);
  });

  test('gives each subset the endpoints with its labels, marked for mutual TLS', () => {
    const { message } = named(configuration.endpoints, 'outbound|9080|v3|reviews.default.svc.cluster.local');
    const endpoints = message.endpoints!.flatMap((it) => it.lbEndpoints!);
    expect(endpoints.map((it) => it.endpoint?.address?.socketAddress?.address)).toEqual(['10.244.0.13']);
    expect(endpoints[0]!.metadata?.filterMetadata?.['envoy.transport_socket_match']).toEqual({
      fields: { tlsMode: { stringValue: 'istio' } },
    });
  });

  test('checks the identity of the service behind a cluster', () => {
    const { message } = named(configuration.clusters, 'outbound|9080|v3|reviews.default.svc.cluster.local');
    const socket = message.transportSocketMatches!.find((it) => it.name === 'tlsMode-istio')!.transportSocket!;
    const context = tryUnpack('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', socket.typedConfig)!;
    expect(context.sni).toBe('outbound_.9080_.v3_.reviews.default.svc.cluster.local');
    expect(
      context.commonTlsContext?.combinedValidationContext?.defaultValidationContext?.matchTypedSubjectAltNames,
    ).toEqual([{ sanType: 'URI', matcher: { exact: 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews' } }]);
  });

  test('routes the header before the split, each named after its construct', () => {
    const routes = compileRoutes(named(configuration.routes, '9080').message);
    const request = (headers: Record<string, string>) => ({
      authority: 'reviews:9080',
      path: '/',
      method: 'GET',
      header: (name: string) => headers[name],
    });
    expect(routes.match(request({ 'end-user': 'jason' }), 0.5)).toMatchObject({
      cluster: 'outbound|9080|v2|reviews.default.svc.cluster.local',
      route: { name: 'testers' },
    });
    const shares = [0.1, 0.899, 0.901, 0.99].map((random) => routes.match(request({}), random)?.cluster?.split('|')[2]);
    expect(shares).toEqual(['v1', 'v1', 'v3', 'v3']);
    expect(routes.match({ ...request({}), authority: 'example.com' }, 0)?.cluster).toBe('PassthroughCluster');
  });

  test('takes plaintext and mutual TLS where nothing else is said, and only mutual TLS where it is', () => {
    const transports = (resources = bookinfo()) => {
      const inbound = named(generate(buildModel(resources), sidecar).listeners, 'virtualInbound').message;
      return inbound
        .filterChains!.filter((it) => it.filterChainMatch?.destinationPort?.value === 9080)
        .map((it) => [it.filterChainMatch?.transportProtocol, it.transportSocket !== undefined]);
    };
    expect(transports()).toEqual(
      expect.arrayContaining([
        ['tls', true],
        ['raw_buffer', false],
      ]),
    );
    const strict = {
      ...bookinfo(),
      peerAuthentications: [
        { metadata: { name: 'default', namespace: 'istio-system' }, spec: { mtls: { mode: 'STRICT' as const } } },
      ],
    };
    expect(transports(strict).every(([transport, tls]) => transport === 'tls' && tls === true)).toBe(true);
  });
});

describe('a gateway', () => {
  test('listens on the target port and routes what its virtual services say', () => {
    const { listeners, routes, clusters } = generate(model, router);
    expect(listeners.map((it) => it.name)).toEqual(['0.0.0.0_8080']);
    const compiled = compileRoutes(named(routes, 'http.8080').message);
    const request = (path: string) => ({ authority: '127.0.0.1:8080', path, method: 'GET', header: () => undefined });
    expect(compiled.match(request('/productpage'), 0)?.cluster).toBe(
      'outbound|9080||productpage.default.svc.cluster.local',
    );
    expect(compiled.match(request('/other'), 0)).toBeUndefined();
    expect(clusters.some((it) => it.name.startsWith('inbound'))).toBe(false);
  });
});
