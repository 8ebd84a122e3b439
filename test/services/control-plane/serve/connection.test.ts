import { describe, expect, test } from '@jest/globals';
import { Connection } from '../../../../services/control-plane/serve/connection.ts';
import { encodeResource, type ResourceSet } from '../../../../services/control-plane/serve/resources.ts';
import {
  type DeltaDiscoveryResponse,
  type DiscoveryResponse,
  packAny,
  TYPE_URL,
} from '../../../../services/wire/xds.ts';

const cluster = (name: string, seconds = 10) =>
  encodeResource(name, packAny('envoy.config.cluster.v3.Cluster', { name, connectTimeout: { seconds } }));
const endpoints = (name: string) =>
  encodeResource(name, packAny('envoy.config.endpoint.v3.ClusterLoadAssignment', { clusterName: name }));
const set = (
  clusters: ReturnType<typeof cluster>[],
  assignments = clusters.map((it) => endpoints(it.name)),
): ResourceSet =>
  new Map([
    [TYPE_URL.cluster, new Map(clusters.map((it) => [it.name, it]))],
    [TYPE_URL.endpoint, new Map(assignments.map((it) => [it.name, it]))],
  ]);

function connect(protocol: 'sotw' | 'delta', first: ResourceSet) {
  const sent: (DiscoveryResponse & DeltaDiscoveryResponse)[] = [];
  const nacks: string[] = [];
  const world = { resources: first as ResourceSet | undefined };
  const connection = new Connection({
    id: '1',
    protocol,
    now: () => 1,
    send: (it) => void sent.push(it),
    resourcesFor: () => world.resources,
    onNack: (_, type, detail) => void nacks.push(`${type}: ${detail}`),
  });
  return { connection, sent, nacks, world, take: () => sent.splice(0) };
}

const node = { id: 'sidecar~10.0.0.1~a.default~default.svc.cluster.local' };

describe('state of the world', () => {
  test('answers the first request, takes the ACK in silence, and pushes only what changed', () => {
    const { connection, world, take } = connect('sotw', set([cluster('a')]));
    connection.receive({ node, typeUrl: TYPE_URL.cluster });
    const [first] = take();
    expect(first?.resources).toHaveLength(1);
    connection.receive({ typeUrl: TYPE_URL.cluster, responseNonce: first!.nonce, versionInfo: first!.versionInfo });
    connection.push();
    expect(take()).toEqual([]);
    world.resources = set([cluster('a'), cluster('b')]);
    connection.push();
    expect(take().map((it) => [it.typeUrl, it.resources?.length])).toEqual([[TYPE_URL.cluster, 2]]);
  });

  test('sends endpoints by name, and again behind a cluster that changed, in that order', () => {
    const { connection, world, take } = connect('sotw', set([cluster('a'), cluster('b')]));
    connection.receive({ node, typeUrl: TYPE_URL.cluster });
    connection.receive({ typeUrl: TYPE_URL.endpoint, resourceNames: ['a'] });
    expect(take().map((it) => [it.typeUrl, it.resources?.length])).toEqual([
      [TYPE_URL.cluster, 2],
      [TYPE_URL.endpoint, 1],
    ]);
    world.resources = set([cluster('a', 20), cluster('b')]);
    connection.push();
    expect(take().map((it) => it.typeUrl)).toEqual([TYPE_URL.cluster, TYPE_URL.endpoint]);
  });

  test('a NACK is told and what was refused is not sent again until it differs', () => {
    const { connection, nacks, world, take } = connect('sotw', set([cluster('a')]));
    connection.receive({ node, typeUrl: TYPE_URL.cluster });
    const [first] = take();
    connection.receive({ typeUrl: TYPE_URL.cluster, responseNonce: first!.nonce, errorDetail: { message: 'no' } });
    expect(nacks).toEqual([`${TYPE_URL.cluster}: no`]);
    connection.push();
    expect(take()).toEqual([]);
    world.resources = set([cluster('a', 20)]);
    connection.push();
    expect(take()).toHaveLength(2 - 1);
  });

  test('a stale nonce is ignored', () => {
    const { connection, take } = connect('sotw', set([cluster('a')]));
    connection.receive({ node, typeUrl: TYPE_URL.endpoint, resourceNames: ['a'] });
    take();
    connection.receive({ typeUrl: TYPE_URL.endpoint, responseNonce: 'old', resourceNames: ['b'] });
    expect(take()).toEqual([]);
  });

  test('an unready control plane answers once it is ready', () => {
    const { connection, world, take } = connect('sotw', set([cluster('a')]));
    const ready = world.resources;
    world.resources = undefined;
    connection.receive({ node, typeUrl: TYPE_URL.cluster });
    expect(take()).toEqual([]);
    world.resources = ready;
    connection.push();
    expect(take()).toHaveLength(1);
  });
});

describe('delta', () => {
  test('a proxy that reconnects is sent only what it lacks, and told what is gone', () => {
    const a = cluster('a');
    const { connection, take } = connect('delta', set([a, cluster('b')]));
    connection.receive({ node, typeUrl: TYPE_URL.cluster, initialResourceVersions: { a: a.version, gone: 'x' } });
    const [first] = take();
    expect((first!.resources as { name?: string }[]).map((it) => it.name)).toEqual(['b']);
    expect(first?.removedResources).toEqual(['gone']);
  });

  test('names come and go', () => {
    const { connection, take } = connect('delta', set([cluster('a'), cluster('b')]));
    connection.receive({ node, typeUrl: TYPE_URL.endpoint, resourceNamesSubscribe: ['a'] });
    expect(take()).toHaveLength(1);
    connection.receive({ typeUrl: TYPE_URL.endpoint, resourceNamesSubscribe: ['b'] });
    expect((take()[0]!.resources as { name?: string }[]).map((it) => it.name)).toEqual(['b']);
    connection.receive({ typeUrl: TYPE_URL.endpoint, resourceNamesUnsubscribe: ['a'] });
    connection.push();
    expect(take()).toEqual([]);
  });
});

describe('make before break', () => {
  const listeners = (version: number) =>
    new Map([
      ['l', encodeResource('l', packAny('envoy.config.listener.v3.Listener', { name: 'l', statPrefix: `${version}` }))],
    ]);
  const routes = (to: string) =>
    new Map([
      [
        'r',
        encodeResource(
          'r',
          packAny('envoy.config.route.v3.RouteConfiguration', { name: 'r', virtualHosts: [{ name: to }] }),
        ),
      ],
    ]);
  const world = (names: string[], to: string): ResourceSet =>
    new Map([
      ...set(names.map((name) => cluster(name))),
      [TYPE_URL.listener, listeners(1)],
      [TYPE_URL.route, routes(to)],
    ]);

  test('routes wait for the endpoints of a new cluster, and a cluster goes after the routes that named it', () => {
    const { connection, world: state, take } = connect('sotw', world(['a'], 'a'));
    const ack = (typeUrl: string, nonce: string | undefined, resourceNames: string[] = []): void =>
      connection.receive({ typeUrl, responseNonce: nonce ?? '', resourceNames });
    const names = { [TYPE_URL.endpoint]: ['a'], [TYPE_URL.route]: ['r'] } as Record<string, string[]>;
    for (const typeUrl of [TYPE_URL.cluster, TYPE_URL.endpoint, TYPE_URL.listener, TYPE_URL.route])
      connection.receive({ node, typeUrl, resourceNames: names[typeUrl] ?? [] });
    for (const { typeUrl, nonce } of take()) ack(typeUrl!, nonce, names[typeUrl!]);

    state.resources = world(['b'], 'b');
    connection.push();
    const [clusters, ...rest] = take();
    expect(clusters?.resources).toHaveLength(2);
    ack(TYPE_URL.cluster, clusters!.nonce);
    for (const { typeUrl, nonce } of rest) ack(typeUrl!, nonce, ['a']);
    expect([...rest, ...take()].map((it) => it.typeUrl)).toEqual([TYPE_URL.endpoint]);

    ack(TYPE_URL.endpoint, rest.at(-1)!.nonce, ['a', 'b']);
    const [endpointsOfB] = take();
    expect(endpointsOfB?.typeUrl).toBe(TYPE_URL.endpoint);
    ack(TYPE_URL.endpoint, endpointsOfB!.nonce, ['a', 'b']);
    const [route, ...none] = take();
    expect([route?.typeUrl, none.length]).toEqual([TYPE_URL.route, 0]);

    ack(TYPE_URL.route, route!.nonce, ['r']);
    const [last] = take();
    expect([last?.typeUrl, last?.resources?.length]).toEqual([TYPE_URL.cluster, 1]);
  });

  test('a proxy that refuses the new routes keeps the clusters of the old ones', () => {
    const { connection, world: state, take } = connect('delta', world(['a', 'b'], 'a'));
    connection.receive({ node, typeUrl: TYPE_URL.cluster });
    connection.receive({ typeUrl: TYPE_URL.route, resourceNamesSubscribe: ['r'] });
    for (const { typeUrl, nonce } of take()) connection.receive({ typeUrl: typeUrl!, responseNonce: nonce! });
    state.resources = world(['b'], 'b');
    connection.push();
    const [route] = take();
    expect(route?.typeUrl).toBe(TYPE_URL.route);
    connection.receive({ typeUrl: TYPE_URL.route, responseNonce: route!.nonce!, errorDetail: { message: 'no' } });
    expect(take()).toEqual([]);
    state.resources = world(['b'], 'c');
    connection.push();
    const [better] = take();
    connection.receive({ typeUrl: TYPE_URL.route, responseNonce: better!.nonce! });
    expect(take().map((it) => [it.typeUrl, it.removedResources])).toEqual([[TYPE_URL.cluster, ['a']]]);
  });
});

test('a stream without a node or type is refused with a sentence', () => {
  const { connection } = connect('sotw', set([]));
  expect(() => connection.receive({ typeUrl: TYPE_URL.cluster })).toThrow('names its node');
  expect(() => connection.receive({ node })).toThrow('names a type URL');
});
