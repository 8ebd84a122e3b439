// Stock Envoy as a sidecar and as a gateway of our control plane: it takes what we generate, and routes by it.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildModel } from '../../../services/control-plane/model/build.ts';
import type { Resources } from '../../../services/control-plane/model/resources.ts';
import { ResourceSets } from '../../../services/control-plane/resource-sets.ts';
import { DiscoveryServer } from '../../../services/control-plane/serve/discovery-server.ts';
import { encodeResource, type ResourceSet } from '../../../services/control-plane/serve/resources.ts';
import { type Listener, packAny, TYPE_URL, unpackAny } from '../../../services/wire/xds.ts';
import { type Envoy, envoyBinary, startEnvoy } from '../../harness/envoy.ts';
import { addSecretDiscovery } from '../../harness/secret-discovery.ts';
import { testAuthority, testIdentity } from '../../harness/test-identities.ts';
import { bookinfo } from '../../services/control-plane/generate/bookinfo.ts';

const versions = ['v1', 'v2', 'v3'] as const;
const apps: Server[] = [];
const envoys: Envoy[] = [];
let discovery: DiscoveryServer;
let grpc: GrpcServer;
let adsPort: number;
let sets: ResourceSets;
let world: Resources;

/** Listeners ask for fixed ports; beside other tests each takes a free one. */
function onFreePorts(set: ResourceSet | undefined): ResourceSet | undefined {
  if (set === undefined) return undefined;
  const listeners = [...(set.get(TYPE_URL.listener) ?? new Map())].map(([name, { resource }]) => {
    const listener = unpackAny(resource).message as Listener;
    const address = { socketAddress: { address: '127.0.0.1', portValue: 0 } };
    const moved = listener.bindToPort === undefined ? { ...listener, address } : listener;
    return [name, encodeResource(name, packAny('envoy.config.listener.v3.Listener', moved))] as const;
  });
  return new Map([...set, [TYPE_URL.listener, new Map(listeners)]]);
}

async function startApp(version: string): Promise<number> {
  const server = createServer((_request, response) => response.end(version));
  apps.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return (server.address() as AddressInfo).port;
}

/** Bookinfo with reviews on loopback, without proxies behind, and the rules of reviews at the gateway too. */
async function makeWorld(): Promise<Resources> {
  const base = bookinfo();
  const ports = await Promise.all(versions.map(startApp));
  return {
    ...base,
    pods: base.pods.map((pod) => {
      const { 'security.istio.io/tlsMode': _, ...labels } = pod.metadata.labels ?? {};
      return { ...pod, metadata: { ...pod.metadata, labels } };
    }),
    endpointSlices: versions.map((version, index) => ({
      metadata: {
        name: `reviews-${version}`,
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'reviews' },
      },
      addressType: 'IPv4',
      endpoints: [
        {
          addresses: ['127.0.0.1'],
          targetRef: { kind: 'Pod', name: `reviews-${version}-abc-1`, namespace: 'default' },
        },
      ],
      ports: [{ name: 'http', port: ports[index]!, protocol: 'TCP' }],
    })),
    virtualServices: base.virtualServices.map((rule) =>
      rule.metadata.name === 'reviews'
        ? { ...rule, spec: { ...rule.spec, hosts: ['*'], gateways: ['mesh', 'bookinfo-gateway'] } }
        : rule,
    ),
  };
}

async function until<T>(what: string, attempt: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await attempt();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a node answered to each type, once all are answered. */
async function answers(nodeId: string, types: readonly string[]): Promise<Record<string, string>> {
  return until(`answers of ${nodeId}`, () => {
    const connection = [...discovery.connections.values()].find((it) => it.node?.id === nodeId);
    const all = types.map((type) => connection?.subscriptions.get(type)?.answer);
    if (all.some((answer) => answer?.kind !== 'ack' && answer?.kind !== 'nack')) return undefined;
    return Object.fromEntries(
      all.map((answer, index) => [types[index]!, answer?.kind === 'nack' ? answer.detail : String(answer?.kind)]),
    );
  });
}

async function envoyAs(nodeId: string, delta: boolean): Promise<Envoy> {
  const envoy = await startEnvoy({ adsPort, nodeId, delta, sds: true });
  envoys.push(envoy);
  return envoy;
}

const all = [TYPE_URL.cluster, TYPE_URL.endpoint, TYPE_URL.listener, TYPE_URL.route];
const accepted = Object.fromEntries(all.map((type) => [type, 'ack']));

beforeAll(async () => {
  await envoyBinary();
  world = await makeWorld();
  sets = new ResourceSets();
  sets.use(buildModel(world));
  const moved = new WeakMap<ResourceSet, ResourceSet>();
  discovery = new DiscoveryServer({
    now: Date.now,
    log: () => {},
    resourcesFor: (node, connection) => {
      const set = sets.for(node, connection);
      if (set === undefined) return undefined;
      const known = moved.get(set) ?? onFreePorts(set)!;
      moved.set(set, known);
      return known;
    },
  });
  grpc = new GrpcServer();
  discovery.register(grpc);
  const authority = await testAuthority();
  addSecretDiscovery(
    grpc,
    await testIdentity(authority, 'spiffe://cluster.local/ns/default/sa/envoy'),
    authority.rootPem,
  );
  adsPort = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
}, 300_000);

afterAll(async () => {
  await Promise.all(envoys.map((envoy) => envoy.stop()));
  grpc?.forceShutdown();
  for (const app of apps) {
    app.closeAllConnections();
    app.close();
  }
});

describe.each([
  { protocol: 'state of the world', delta: false },
  { protocol: 'delta', delta: true },
])('stock Envoy over $protocol', ({ delta }) => {
  test('takes a sidecar’s clusters, endpoints, listeners and routes', async () => {
    const nodeId = `sidecar~10.244.0.20~productpage-v1-abc-1.default~${delta}.svc.cluster.local`;
    await envoyAs(nodeId, delta);
    expect(await answers(nodeId, all)).toEqual(accepted);
  }, 60_000);

  test('as a gateway splits by weight and by header, and follows a change of the rules', async () => {
    const nodeId = `router~10.244.0.30~istio-ingressgateway-abc-1.istio-system~${delta}.svc.cluster.local`;
    sets.use(buildModel(world));
    const envoy = await envoyAs(nodeId, delta);
    expect(await answers(nodeId, all)).toEqual(accepted);
    const port = await envoy.waitForListener('0.0.0.0_8080');
    const call = async (headers: Record<string, string> = {}): Promise<string> =>
      (await fetch(`http://127.0.0.1:${port}/reviews/1`, { headers })).text();
    const count = async (times: number, headers?: Record<string, string>): Promise<Record<string, number>> => {
      const counts: Record<string, number> = {};
      for (let i = 0; i < times; i++) {
        const version = await call(headers);
        counts[version] = (counts[version] ?? 0) + 1;
      }
      return counts;
    };
    expect(await count(20, { 'end-user': 'jason' })).toEqual({ v2: 20 });
    const split = await count(400);
    // 40 expected; six standard deviations to either side.
    expect(split['v3']).toBeGreaterThan(3);
    expect(split['v3']).toBeLessThan(77);
    expect((split['v1'] ?? 0) + (split['v3'] ?? 0)).toBe(400);

    const moved = world.virtualServices.map((rule) =>
      rule.metadata.name !== 'reviews'
        ? rule
        : {
            ...rule,
            spec: { ...rule.spec, http: [{ route: [{ destination: { host: 'reviews', subset: 'v2' } }] }] },
          },
    );
    sets.use(buildModel({ ...world, virtualServices: moved }));
    discovery.push();
    await until('all traffic at v2', async () => {
      const counts = await count(20);
      return counts['v2'] === 20 ? true : undefined;
    });
    expect(await answers(nodeId, all)).toEqual(accepted);
  }, 120_000);
});
