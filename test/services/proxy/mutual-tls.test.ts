import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { connect as tlsConnect } from 'node:tls';
import { ProxyBench } from '../../harness/proxy-bench.ts';
import {
  anyHost,
  endpoint,
  httpFilterChain,
  listener,
  type Resource,
  staticCluster,
  tcpFilterChain,
  toCluster,
} from '../../harness/static-resources.ts';
import { type TestIdentity, testAuthority, testIdentity, type TestAuthority } from '../../harness/test-identities.ts';

let server: ProxyBench;
let client: ProxyBench;
let authority: TestAuthority;

beforeEach(async () => {
  server = new ProxyBench({ node: node('b') });
  client = new ProxyBench({ node: node('a') });
  authority = await testAuthority();
  await identify(server, 'spiffe://cluster.local/ns/default/sa/b');
  await identify(client, 'spiffe://cluster.local/ns/default/sa/a');
});
afterEach(async () => {
  await client.close();
  await server.close();
});

function node(app: string): { id: string; cluster: string; metadata: Record<string, unknown> } {
  return {
    id: `sidecar~10.0.0.1~${app}.default~default.svc.cluster.local`,
    cluster: `${app}.default`,
    metadata: {
      NAME: app,
      NAMESPACE: 'default',
      WORKLOAD_NAME: `${app}-v1`,
      CLUSTER_ID: 'Kubernetes',
      LABELS: {
        app,
        version: 'v1',
        'service.istio.io/canonical-name': app,
        'service.istio.io/canonical-revision': 'v1',
      },
    },
  };
}

async function identify(bench: ProxyBench, uri: string): Promise<void> {
  bench.plane.secrets.setCertificate('default', await testIdentity(authority, uri));
  bench.plane.secrets.setValidation('ROOTCA', { trustedCa: authority.rootPem });
}

const SDS = { tlsCertificateSdsSecretConfigs: [{ name: 'default' }] };

function validation(san: Resource): Resource {
  return {
    combinedValidationContext: {
      defaultValidationContext: { matchTypedSubjectAltNames: [{ sanType: 'URI', matcher: san }] },
      validationContextSdsSecretConfig: { name: 'ROOTCA' },
    },
  };
}

const downstream = {
  name: 'envoy.transport_sockets.tls',
  typedConfig: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    requireClientCertificate: { value: true },
    commonTlsContext: {
      ...SDS,
      ...validation({ prefix: 'spiffe://cluster.local/' }),
      alpnProtocols: ['istio-peer-exchange', 'h2', 'http/1.1'],
    },
  },
};

function upstream(san: string): Resource {
  return {
    transportSocketMatches: [
      {
        name: 'tlsMode-istio',
        match: { fields: { tlsMode: { stringValue: 'istio' } } },
        transportSocket: {
          name: 'envoy.transport_sockets.tls',
          typedConfig: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
            sni: 'outbound_.80_._.b.default.svc.cluster.local',
            commonTlsContext: {
              ...SDS,
              ...validation({ exact: san }),
              alpnProtocols: ['istio-peer-exchange', 'istio'],
            },
          },
        },
      },
      {
        name: 'tlsMode-disabled',
        match: {},
        transportSocket: {
          name: 'raw',
          typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' },
        },
      },
    ],
  };
}

const MESH_FILTERS = ['istio.metadata_exchange', 'istio.stats', 'envoy.filters.http.router'].map((name) => ({ name }));

/** Permissive: mesh TLS, plaintext HTTP; anything else is TCP. */
async function openInbound(strict = false): Promise<void> {
  const app = await server.http((request, response) => response.end(JSON.stringify(request.headers)));
  server.plane.setCluster(staticCluster('inbound|80||', [app]));
  const manager = {
    routeConfig: anyHost([toCluster('inbound|80||')]),
    httpFilters: MESH_FILTERS,
    forwardClientCertDetails: 'APPEND_FORWARD',
    setCurrentClientCertDetails: { subject: { value: true }, uri: true },
  };
  const chains = [
    httpFilterChain(manager, {
      name: 'tls',
      transportSocket: downstream,
      filterChainMatch: { transportProtocol: 'tls', applicationProtocols: ['istio', 'istio-http/1.1'] },
    }),
    httpFilterChain(manager, {
      name: 'plain',
      filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1'] },
    }),
    tcpFilterChain({ cluster: 'nobody' }, { name: 'tcp', filterChainMatch: { transportProtocol: 'raw_buffer' } }),
  ];
  await server.plane.setListener(
    listener('virtualInbound', strict ? chains.slice(0, 1) : chains, {
      trafficDirection: 'INBOUND',
      listenerFilters: [
        { name: 'envoy.filters.listener.tls_inspector' },
        { name: 'envoy.filters.listener.http_inspector' },
      ],
    }),
  );
}

async function openOutbound(san: string): Promise<void> {
  client.plane.setCluster({
    ...staticCluster('outbound|80||b', []),
    ...upstream(san),
    metadata: {
      filterMetadata: {
        istio: {
          fields: {
            services: {
              listValue: {
                values: [
                  {
                    structValue: {
                      fields: {
                        host: { stringValue: 'b.default.svc.cluster.local' },
                        name: { stringValue: 'b' },
                        namespace: { stringValue: 'default' },
                      },
                    },
                  },
                ],
              },
            },
          },
        },
      },
    },
    loadAssignment: {
      endpoints: [
        {
          lbEndpoints: [
            endpoint('127.0.0.1', server.port('virtualInbound'), {
              metadata: {
                filterMetadata: { 'envoy.transport_socket_match': { fields: { tlsMode: { stringValue: 'istio' } } } },
              },
            }),
          ],
        },
      ],
    },
  });
  await client.plane.setListener(
    listener(
      'out',
      [httpFilterChain({ routeConfig: anyHost([toCluster('outbound|80||b')]), httpFilters: MESH_FILTERS })],
      { trafficDirection: 'OUTBOUND' },
    ),
  );
}

test('two sidecars speak mutual TLS, know each other, and count', async () => {
  await openInbound();
  await openOutbound('spiffe://cluster.local/ns/default/sa/b');
  const answer = await client.send('out', '/', { headers: { host: 'b' } });
  expect(answer.status).toBe(200);
  const seen = JSON.parse(answer.body);
  expect(seen['x-forwarded-client-cert']).toMatch(
    /^By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/b;Hash=[0-9a-f]{64};Subject="[^"]*";URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/a$/,
  );
  expect(Object.keys(seen).filter((name) => name.includes('peer-metadata'))).toEqual([]);
  expect(Object.keys(answer.headers).filter((name) => name.includes('peer-metadata'))).toEqual([]);
  const inbound = server.plane.registry.expose();
  expect(inbound).toMatch(
    /istio_requests_total\{reporter="destination",source_workload="a-v1".*destination_workload="b-v1".*connection_security_policy="mutual_tls",response_code="200"/,
  );
  const outbound = client.plane.registry.expose();
  expect(outbound).toMatch(
    /istio_requests_total\{reporter="source",source_workload="a-v1".*destination_workload="b-v1".*destination_principal="spiffe:\/\/cluster.local\/ns\/default\/sa\/b".*destination_service="b.default.svc.cluster.local".*\} 1\n/,
  );
  expect(outbound).toMatch(/istio_request_duration_milliseconds_bucket\{.*le="\+Inf"\} 1\n/);
});

test('the client refuses a server whose certificate names somebody else', async () => {
  await openInbound();
  await openOutbound('spiffe://cluster.local/ns/default/sa/other');
  const answer = await client.send('out', '/', { headers: { host: 'b' } });
  expect(answer.status).toBe(503);
  expect(answer.body).toContain('verify SAN list');
});

test('permissive takes plaintext, strict does not', async () => {
  await openInbound();
  expect((await server.send('virtualInbound', '/')).status).toBe(200);
  await openInbound(true);
  await expect(server.send('virtualInbound', '/')).rejects.toThrow();
});

test('foreign authority, foreign trust domain, expired and missing certificates are refused', async () => {
  await openInbound();
  const good = await testIdentity(authority, 'spiffe://cluster.local/ns/default/sa/a');
  expect(await handshake(good)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await handshake(await testIdentity(await testAuthority(), 'spiffe://cluster.local/ns/default/sa/a'))).toBe('');
  expect(await handshake(await testIdentity(authority, 'spiffe://other.domain/ns/default/sa/a'))).toBe('');
  expect(await handshake(await testIdentity(authority, 'spiffe://cluster.local/ns/default/sa/a', true))).toBe('');
  expect(await handshake(undefined)).toBe('');
});

/** What the inbound listener answers to somebody with that certificate. */
function handshake(identity: TestIdentity | undefined): Promise<string> {
  return new Promise((resolve) => {
    const socket = tlsConnect({
      host: '127.0.0.1',
      port: server.port('virtualInbound'),
      ca: authority.rootPem,
      checkServerIdentity: () => undefined,
      ALPNProtocols: ['istio'],
      ...(identity === undefined ? {} : { cert: identity.certificateChain, key: identity.privateKey }),
    });
    let text = '';
    socket.on('data', (data: Buffer) => {
      text += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.write('GET / HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n');
  });
}
