// Stock Envoy behind our agent: bootstrap, secrets by SDS, configuration relayed from a TLS control plane, rotation in
// place while a connection is open, draining.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createCsr } from '#lib/tls/certificate-request.ts';
import { generatePrivateKey, toPrivateKeyPem } from '#lib/tls/keys.ts';
import { type Listener, packAny, TYPE_URL } from '#wire/xds.ts';
import { type Agent, createAgent } from '../../../services/agent/agent.ts';
import { type EnvoyParent, startEnvoyParent } from '../../../services/agent/envoy/parent.ts';
import { DiscoveryServer } from '../../../services/control-plane/serve/discovery-server.ts';
import { encodeResource } from '../../../services/control-plane/serve/resources.ts';
import { type CaServer, startCaServer } from '../../harness/ca-server.ts';
import { envoyBinary } from '../../harness/envoy.ts';

const ISTIOD_CLIENT = 'spiffe://cluster.local/ns/default/sa/curl';
let root: string;
let server: CaServer;
let agent: Agent;
let parent: EnvoyParent;
let port: number;
let nowMs = Date.now();
const lines: string[] = [];

function mtlsListener(): Listener {
  const sds = (name: string) => ({
    name,
    sdsConfig: {
      resourceApiVersion: 'V3' as const,
      apiConfigSource: {
        apiType: 'GRPC' as const,
        transportApiVersion: 'V3' as const,
        grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }],
      },
    },
  });
  const tls = packAny('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    requireClientCertificate: { value: true },
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs: [sds('default')],
      validationContextSdsSecretConfig: sds('ROOTCA'),
    },
  });
  const http = packAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    statPrefix: 'in',
    routeConfig: {
      name: 'in',
      virtualHosts: [
        {
          name: 'in',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, directResponse: { status: 200, body: { inlineString: 'hello' } } }],
        },
      ],
    },
    httpFilters: [
      { name: 'envoy.filters.http.router', typedConfig: packAny('envoy.extensions.filters.http.router.v3.Router', {}) },
    ],
  });
  return {
    name: 'in',
    address: { socketAddress: { address: '127.0.0.1', portValue: 0 } },
    filterChains: [
      {
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typedConfig: http }],
        transportSocket: { name: 'envoy.transport_sockets.tls', typedConfig: tls },
      },
    ],
  };
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'rig-envoy-'));
  const listener = encodeResource('in', packAny('envoy.config.listener.v3.Listener', mtlsListener()));
  const resources = new Map([
    [TYPE_URL.listener, new Map([['in', listener]])],
    [TYPE_URL.cluster, new Map()],
  ]);
  const discovery = new DiscoveryServer({
    resourcesFor: () => resources,
    now: Date.now,
    log: (line) => lines.push(line),
  });
  server = await startCaServer({}, (grpc, authenticate) => discovery.register(grpc, authenticate));
  const put = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  put('var/run/secrets/istio/root-cert.pem', server.ca.rootCertPem);
  put('var/run/secrets/tokens/istio-token', 'default/reviews');
  put('etc/istio/pod/labels', 'app="reviews"\n');
  agent = createAgent({
    args: ['sidecar', '--domain', 'default.svc.cluster.local'],
    env: {
      POD_NAME: 'reviews-1',
      POD_NAMESPACE: 'default',
      INSTANCE_IP: '127.0.0.1',
      SERVICE_ACCOUNT: 'reviews',
      SECRET_TTL: '1h',
      SECRET_GRACE_PERIOD_RATIO: '0.999',
      SECRET_GRACE_PERIOD_RATIO_JITTER: '0',
      PROXY_CONFIG: JSON.stringify({
        discoveryAddress: server.address,
        proxyAdminPort: 0,
        concurrency: 1,
        terminationDrainDuration: '0s',
      }),
    },
    fileRoot: root,
    listen: { host: '127.0.0.1', statusPort: 0, readinessPort: 0 },
    log: (line) => lines.push(line),
    now: () => nowMs,
  });
  parent = await startEnvoyParent({
    agent,
    binary: await envoyBinary(),
    fileRoot: root,
    log: (line) => lines.push(line),
  });
  port = await until('a listener', async () => {
    const { listener_statuses: statuses = [] } = JSON.parse(await parent.envoy.admin('/listeners?format=json')) as {
      listener_statuses?: { name: string; local_address: { socket_address: { port_value: number } } }[];
    };
    return statuses.find(({ name }) => name === 'in')?.local_address.socket_address.port_value;
  });
}, 360_000);

afterAll(async () => {
  await parent?.stop();
  server?.stop();
  rmSync(root, { recursive: true, force: true });
}, 60_000);

async function until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`no ${what} within 20 s:\n${lines.slice(-20).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function client(): Promise<{ key: string; cert: string; ca: string }> {
  const key = await generatePrivateKey();
  const [cert = ''] = server.ca.sign(createCsr(key, { uris: [ISTIOD_CLIENT] }), [ISTIOD_CLIENT], 3600);
  expect(createPublicKey(key).equals(new X509Certificate(cert).publicKey)).toBe(true);
  return { key: toPrivateKeyPem(key).reveal(), cert, ca: server.ca.rootCertPem };
}

function get(options: object): Promise<{ status: number; peer: PeerCertificate }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path: '/', checkServerIdentity: () => undefined, ...options },
      (response) => {
        const peer = (response.socket as TLSSocket).getPeerCertificate();
        response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, peer }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

test('Envoy takes its configuration through the agent and its identity from it', async () => {
  const { status, peer } = await get({ ...(await client()), agent: false });
  expect(status).toBe(200);
  expect(peer.subjectaltname).toBe('URI:spiffe://cluster.local/ns/default/sa/reviews');
  const ready = await until('readiness', async () => {
    const response = await fetch(`http://127.0.0.1:${agent.ports!.readinessPort}/healthz/ready`);
    return response.ok ? response.status : undefined;
  });
  expect(ready).toBe(200);
  const metrics = await (await fetch(`http://127.0.0.1:${agent.ports!.statusPort}/stats/prometheus`)).text();
  expect(metrics).toContain('istio_agent_cert_expiry_seconds');
  expect(metrics).toContain('envoy_server_live');
});

test('a client without a certificate is refused', async () => {
  const { ca } = await client();
  await expect(get({ ca, agent: false })).rejects.toThrow();
  const reason = await new Promise<string>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('closed'));
    socket.resume();
  });
  expect(reason).not.toBe('');
});

/** One request on an open connection; the answer up to its body. */
function ask(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!text.endsWith('hello')) return;
      socket.off('data', onData);
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error(`the connection closed after ${JSON.stringify(text)}`)));
    socket.write('GET / HTTP/1.1\r\nhost: reviews\r\n\r\n');
  });
}

test('a renewed certificate reaches new connections; the open one goes on', async () => {
  const identity = await client();
  const open = connect({ host: '127.0.0.1', port, ...identity, checkServerIdentity: () => undefined });
  await new Promise((resolve, reject) => open.once('secureConnect', resolve).once('error', reject));
  const old = open.getPeerCertificate();
  expect(await ask(open)).toMatch(/^HTTP\/1\.1 200 /);
  nowMs += 600_000;
  const after = await until('new certificate', async () => {
    const answer = await get({ ...identity, agent: false });
    expect(answer.status).toBe(200);
    return answer.peer.fingerprint256 === old.fingerprint256 ? undefined : answer;
  });
  expect(after.peer.subjectaltname).toBe(old.subjectaltname);
  expect(await ask(open)).toMatch(/^HTTP\/1\.1 200 /);
  open.destroy();
});

test('sockets and bootstrap are this user’s alone, and no key is in any file or log', async () => {
  for (const path of [
    'etc/istio/proxy/XDS',
    'etc/istio/proxy/envoy-rev.json',
    'var/run/secrets/workload-spiffe-uds/socket',
  ]) {
    expect(statSync(join(root, path)).mode & 0o077).toBe(0);
  }
  expect(await parent.envoy.admin('/config_dump')).not.toContain('PRIVATE KEY');
  expect(lines.join('\n')).not.toContain('PRIVATE KEY');
});
