// The whole control plane on a real kube-apiserver: what is applied reaches a proxy, and only a proxy that proves who it is.
import {
  type Client,
  type ClientDuplexStream,
  credentials,
  makeGenericClientConstructor,
  Metadata,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { kinds } from '../../../constructs/api/registry.ts';
import { type ControlPlane, startControlPlane } from '../../../services/control-plane/control-plane.ts';
import { type KubeObject, refs, type ResourceRef } from '../../../services/lib/kube/index.ts';
import { aggregatedDiscoveryService } from '../../../services/wire/grpc.ts';
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  type RouteConfiguration,
  TYPE_URL,
  unpackAny,
} from '../../../services/wire/xds.ts';
import { type RealKubernetes, startRealKubernetes, whyNoRealKubernetes } from '../../harness/real-kubernetes.ts';

const AdsClient = makeGenericClientConstructor(aggregatedDiscoveryService as never, 'AggregatedDiscoveryService');
type AdsStream = ClientDuplexStream<DiscoveryRequest, DiscoveryResponse>;
type Ads = Client & { StreamAggregatedResources(metadata: Metadata): AdsStream };

const network = (kind: string, plural: string): ResourceRef => ({
  group: 'networking.istio.io',
  version: 'v1',
  kind,
  plural,
  namespaced: true,
});
const virtualServices = network('VirtualService', 'virtualservices');
const destinationRules = network('DestinationRule', 'destinationrules');
const sidecar = 'sidecar~10.244.0.5~curl.default~default.svc.cluster.local';

const reviews = (v3: number): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'reviews', namespace: 'default' },
  spec: {
    hosts: ['reviews'],
    http: [
      {
        route: [
          { destination: { host: 'reviews', subset: 'v1' }, weight: 100 - v3 },
          { destination: { host: 'reviews', subset: 'v3' }, weight: v3 },
        ],
      },
    ],
  },
});

async function until<T>(what: string, attempt: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await attempt();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const why = whyNoRealKubernetes();
(why ? describe.skip : describe)(`control plane on a real API server${why ? ` (skipped: ${why})` : ''}`, () => {
  const ending = new AbortController();
  const streams: AdsStream[] = [];
  const clients: Client[] = [];
  const log: string[] = [];
  let cluster: RealKubernetes;
  let plane: ControlPlane;
  let root: string;

  beforeAll(async () => {
    cluster = await startRealKubernetes();
    const { client } = cluster;
    for (const kind of kinds) await client.create(refs.customResourceDefinitions, kind.crd() as unknown as KubeObject);
    await client.create(refs.namespaces, namespace('istio-system'));
    await until('the new kinds are served', async () => {
      const lists = kinds.map((kind) =>
        client
          .list({ ...network(kind.kind, kind.plural), group: kind.group, version: kind.version })
          .catch(() => undefined),
      );
      return (await Promise.all(lists)).every((list) => list !== undefined) ? true : undefined;
    });
    plane = await startControlPlane(
      {
        client,
        host: '127.0.0.1',
        ports: { http: 0, grpc: 0, secureGrpc: 0, monitoring: 0, webhooks: 0 },
        version: 'test',
        log: (line) => void log.push(line),
      },
      ending.signal,
    );
    await plane.ready;
    root = await until('the roots in namespace default', async () => {
      const map = await client.tryGet<KubeObject & { data?: Record<string, string> }>(refs.configMaps, {
        namespace: 'default',
        name: 'istio-ca-root-cert',
      });
      return map?.data?.['root-cert.pem'];
    });
  }, 120_000);

  afterAll(async () => {
    for (const stream of streams) stream.cancel();
    for (const client of clients) client.close();
    await plane?.drain();
    ending.abort();
    await cluster?.close();
  }, 60_000);

  function connect(token: string | undefined): AdsStream {
    const tls = credentials.createSsl(Buffer.from(root));
    const client = new AdsClient(`127.0.0.1:${plane.ports.secureGrpc}`, tls, {
      'grpc.ssl_target_name_override': 'istiod.istio-system.svc',
      'grpc.default_authority': 'istiod.istio-system.svc',
    }) as unknown as Ads;
    clients.push(client);
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const stream = client.StreamAggregatedResources(metadata);
    streams.push(stream);
    return stream;
  }

  async function tokenOf(namespace: string): Promise<string> {
    await cluster.client.apply(
      refs.serviceAccounts,
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'curl', namespace } },
      { fieldManager: 'test' },
    );
    const answer = await cluster.client.request<{ status: { token: string } }>(
      `/api/v1/namespaces/${namespace}/serviceaccounts/curl/token`,
      {
        method: 'POST',
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['istio-ca'] } },
      },
    );
    return answer.status.token;
  }

  const refusal = (stream: AdsStream): Promise<string> =>
    new Promise((resolve) => stream.on('error', (error: Error) => resolve(error.message)));

  test('who proves nothing, and who claims another namespace, is refused', async () => {
    const nobody = connect(undefined);
    nobody.write({ node: { id: sidecar }, typeUrl: TYPE_URL.cluster });
    expect(await refusal(nobody)).toMatch(/UNAUTHENTICATED/);
    const stranger = connect(await tokenOf('kube-system'));
    stranger.write({ node: { id: sidecar }, typeUrl: TYPE_URL.cluster });
    expect(await refusal(stranger)).toMatch(/PERMISSION_DENIED.*namespace default/);
  });

  test('weights that are applied reach the proxy', async () => {
    const { client } = cluster;
    const owner = { fieldManager: 'test' };
    await client.apply(refs.services, service(), owner);
    await client.apply(destinationRules, subsets(), owner);
    await client.apply(virtualServices, reviews(10), owner);
    const stream = connect(await tokenOf('default'));
    let weights: number[] = [];
    stream.on('error', () => {});
    stream.on('data', (response: DiscoveryResponse) => {
      stream.write({ typeUrl: response.typeUrl, responseNonce: response.nonce, resourceNames: ['9080'] });
      for (const resource of response.resources ?? [])
        weights = weightsOf(unpackAny(resource).message as RouteConfiguration) ?? weights;
    });
    stream.write({ node: { id: sidecar }, typeUrl: TYPE_URL.route, resourceNames: ['9080'] });
    await until('the first weights', () => (weights.join() === '90,10' ? true : undefined));
    await client.apply(virtualServices, reviews(50), owner);
    await until('the new weights', () => (weights.join() === '50,50' ? true : undefined));
  });

  test('an object that does not validate is left out, and the others stay', async () => {
    const { client } = cluster;
    const wrong = { ...subsets(), metadata: { name: 'wrong', namespace: 'default' }, spec: { host: '*.*' } };
    await client.create(destinationRules, wrong as KubeObject);
    await until('a line that says why', () => log.find((line) => line.includes('DestinationRule default/wrong')));
  });

  test('an object of a kind that is not supported yet is named, not ignored silently', async () => {
    const unsupported = kinds.find((kind) => kind.kind === 'ServiceEntry');
    if (unsupported === undefined) throw new Error('BUG: ServiceEntry is no kind any more');
    await cluster.client.create(network('ServiceEntry', unsupported.plural), {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name: 'outside', namespace: 'default' },
      spec: {
        hosts: ['example.com'],
        location: 'MESH_EXTERNAL',
        resolution: 'DNS',
        ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      },
    });
    await until('a line that says so', () =>
      log.find((line) => line.startsWith('ServiceEntry default/outside has no effect')),
    );
  });

  test('webhooks of this control plane get its roots', async () => {
    const { client } = cluster;
    await client.create(refs.validatingWebhookConfigurations, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'istio-validator' },
      webhooks: [
        {
          name: 'rev.validation.istio.io',
          clientConfig: { service: { name: 'istiod', namespace: 'istio-system', path: '/validate' } },
          rules: [{ apiGroups: ['networking.istio.io'], apiVersions: ['*'], operations: ['CREATE'], resources: ['*'] }],
          failurePolicy: 'Ignore',
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    } as unknown as KubeObject);
    const bundle = await until('the bundle', async () => {
      const found = await client.get<KubeObject & { webhooks: { clientConfig: { caBundle?: string } }[] }>(
        refs.validatingWebhookConfigurations,
        { name: 'istio-validator' },
      );
      return found.webhooks[0]?.clientConfig.caBundle;
    });
    expect(Buffer.from(bundle, 'base64').toString()).toBe(root);
  });

  test('readiness, metrics and debug pages answer on loopback', async () => {
    const get = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${plane.ports.monitoring}${path}`);
    expect((await get('/ready')).status).toBe(200);
    expect(await (await get('/metrics')).text()).toContain('pilot_xds_pushes{type="rds"}');
    const rows = (await (await get('/debug/syncz')).json()) as { proxy: string }[];
    expect(rows.map((row) => row.proxy)).toContain('curl.default');
    expect((await get('/debug/config_dump?proxyID=no.body')).status).toBe(404);
  });
});

const namespace = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const service = (): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'reviews', namespace: 'default' },
  spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] },
});
const subsets = (): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'reviews', namespace: 'default' },
  spec: { host: 'reviews', subsets: ['v1', 'v3'].map((name) => ({ name, labels: { version: name } })) },
});

/** Weights of the first weighted route of reviews. */
function weightsOf(routes: RouteConfiguration): number[] | undefined {
  const host = routes.virtualHosts?.find((each) => each.domains?.includes('reviews.default.svc.cluster.local'));
  return host?.routes?.[0]?.route?.weightedClusters?.clusters?.map((each) => each.weight?.value ?? 0);
}
