import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { aggregatedDiscoveryService } from '#wire/grpc.ts';
import { type DeltaDiscoveryRequest, type DeltaDiscoveryResponse, packAny, TYPE_URL } from '#wire/xds.ts';
import { AdsClient } from '../../../services/proxy/xds/ads-client.ts';
import { ProxySink } from '../../../services/proxy/xds/proxy-sink.ts';
import { ProxyBench } from '../../harness/proxy-bench.ts';

type Stream = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

let bench: ProxyBench;
let server: Server;
let port: number;
let stop: AbortController;
let stream: Stream | undefined;
const requests: DeltaDiscoveryRequest[] = [];

beforeEach(async () => {
  bench = new ProxyBench();
  stop = new AbortController();
  requests.length = 0;
  await serve(0);
});
afterEach(async () => {
  stop.abort();
  server.forceShutdown();
  await bench.close();
});

async function serve(wanted: number): Promise<void> {
  server = new Server();
  const implementation: UntypedServiceImplementation = {
    DeltaAggregatedResources: (call: Stream) => {
      stream = call;
      call.on('data', (request: DeltaDiscoveryRequest) => requests.push(request));
      call.on('error', () => {});
      call.on('end', () => call.end());
    },
    StreamAggregatedResources: (call: Stream) => call.end(),
  };
  server.addService(aggregatedDiscoveryService, implementation);
  port = await new Promise((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${wanted}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
}

function start(): ProxySink {
  const sink = new ProxySink(bench.plane);
  const client = new AdsClient({
    open: () => ({ target: `127.0.0.1:${port}`, credentials: credentials.createInsecure(), options: {} }),
    node: { id: 'sidecar~10.0.0.1~a.default~default.svc.cluster.local' },
    sink,
    log: (line) => bench.log.push(line),
  });
  client.start(stop.signal);
  return sink;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not in 20 s: ${what}; ${bench.log.join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const has = (typeUrl: string, holds: (request: DeltaDiscoveryRequest) => boolean) => (): boolean =>
  requests.some((request) => request.typeUrl === typeUrl && holds(request));

function pushClusters(upstream: number): void {
  stream?.write({
    typeUrl: TYPE_URL.cluster,
    nonce: `c${upstream}`,
    resources: [
      {
        name: 'app',
        version: '1',
        resource: packAny('envoy.config.cluster.v3.Cluster', {
          name: 'app',
          type: 'EDS',
          edsClusterConfig: { edsConfig: { ads: {} } },
        }),
      },
    ],
  });
}

function pushEndpoints(upstream: number): void {
  stream?.write({
    typeUrl: TYPE_URL.endpoint,
    nonce: `e${upstream}`,
    resources: [
      {
        name: 'app',
        version: String(upstream),
        resource: packAny('envoy.config.endpoint.v3.ClusterLoadAssignment', {
          clusterName: 'app',
          endpoints: [
            {
              lbEndpoints: [
                { endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: upstream } } } },
              ],
            },
          ],
        }),
      },
    ],
  });
}

function pushListener(): void {
  const manager = packAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    statPrefix: 'x',
    rds: { routeConfigName: '80', configSource: { ads: {} } },
    httpFilters: [
      { name: 'envoy.filters.http.router', typedConfig: packAny('envoy.extensions.filters.http.router.v3.Router', {}) },
    ],
  });
  stream?.write({
    typeUrl: TYPE_URL.listener,
    nonce: 'l1',
    resources: [
      {
        name: 'in',
        version: '1',
        resource: packAny('envoy.config.listener.v3.Listener', {
          name: 'in',
          address: { socketAddress: { address: '127.0.0.1', portValue: 0 } },
          filterChains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typedConfig: manager }] },
          ],
        }),
      },
    ],
  });
}

function pushRoutes(): void {
  stream?.write({
    typeUrl: TYPE_URL.route,
    nonce: 'r1',
    resources: [
      {
        name: '80',
        version: '1',
        resource: packAny('envoy.config.route.v3.RouteConfiguration', {
          name: '80',
          virtualHosts: [
            { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'app' } }] },
          ],
        }),
      },
    ],
  });
}

async function bringUp(): Promise<void> {
  const upstream = await bench.http((_request, response) => response.end('up'));
  const sink = start();
  await until(
    'the first requests',
    has(TYPE_URL.listener, (request) => request.resourceNamesSubscribe?.[0] === '*'),
  );
  pushClusters(upstream);
  await until(
    'endpoints are asked for',
    has(TYPE_URL.endpoint, (request) => request.resourceNamesSubscribe?.[0] === 'app'),
  );
  pushEndpoints(upstream);
  pushListener();
  await until(
    'routes are asked for',
    has(TYPE_URL.route, (request) => request.resourceNamesSubscribe?.[0] === '80'),
  );
  expect(sink.isReady).toBe(false);
  pushRoutes();
  await until('the proxy is ready', () => sink.isReady);
}

test('what is served is subscribed, acknowledged and runs; a listener waits for its routes', async () => {
  await bringUp();
  expect((await bench.send('in', '/')).body).toBe('up');
  await until(
    'the routes are acknowledged',
    has(TYPE_URL.route, (request) => request.responseNonce === 'r1' && request.errorDetail === undefined),
  );
});

test('a broken resource is refused with its reason and leaves the others alone', async () => {
  await bringUp();
  stream?.write({
    typeUrl: TYPE_URL.listener,
    nonce: 'l2',
    resources: [
      {
        name: 'in',
        version: '2',
        resource: packAny('envoy.config.listener.v3.Listener', { name: 'in', address: { pipe: { path: '/x' } } }),
      },
    ],
  });
  await until(
    'a refusal',
    has(TYPE_URL.listener, (request) => request.responseNonce === 'l2'),
  );
  const refusal = requests.find((request) => request.responseNonce === 'l2');
  expect(refusal?.errorDetail?.message).toContain('only socket addresses are supported');
  expect((await bench.send('in', '/')).body).toBe('up');
});

test('a control plane that goes away leaves the configuration running, and is found again', async () => {
  await bringUp();
  server.forceShutdown();
  expect((await bench.send('in', '/')).body).toBe('up');
  requests.length = 0;
  await serve(port);
  await until(
    'a new stream with the versions that are known',
    has(
      TYPE_URL.cluster,
      (request) => request.initialResourceVersions?.['app'] === '1' && request.node?.id !== undefined,
    ),
  );
  expect((await bench.send('in', '/')).body).toBe('up');
});
