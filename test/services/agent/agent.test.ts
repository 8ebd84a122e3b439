// The agent as a proxy runs it: against a CA on a real port, mounts in a folder, HTTP on loopback.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Agent, type AgentOptions, createAgent, type ProxyHooks } from '../../../services/agent/agent.ts';
import { type CaServer, startCaServer } from '../../harness/ca-server.ts';

let root: string;
let ca: CaServer;
let end: AbortController;
let lines: string[];
const apps: Server[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'rigging-agent-'));
  ca = await startCaServer();
  end = new AbortController();
  lines = [];
  put('var/run/secrets/istio/root-cert.pem', ca.ca.rootCertPem);
  put('var/run/secrets/tokens/istio-token', 'default/bookinfo-reviews\n');
  put('etc/istio/pod/labels', 'app="reviews"\nversion="v1"\n');
  put('etc/istio/pod/annotations', 'note="a \\"b\\"\\nc"\n');
});
afterEach(async () => {
  end.abort();
  ca.stop();
  await Promise.all(apps.splice(0).map((app) => new Promise((resolve) => app.close(resolve))));
  rmSync(root, { recursive: true });
});

function put(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

async function app(handler: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(handler as never);
  apps.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function make(env: Record<string, string> = {}, options: Partial<AgentOptions> = {}): Agent {
  return createAgent({
    args: ['sidecar', '--domain', 'default.svc.cluster.local', '--proxyLogLevel=warning'],
    env: {
      POD_NAME: 'reviews-v1-abc',
      POD_NAMESPACE: 'default',
      INSTANCE_IP: '127.0.0.1',
      SERVICE_ACCOUNT: 'bookinfo-reviews',
      CA_ADDR: ca.address,
      PROXY_CONFIG: '{"discoveryAddress":"istiod.istio-system.svc:15012","terminationDrainDuration":"0s"}',
      ISTIO_META_CLUSTER_ID: 'Kubernetes',
      ISTIO_META_WORKLOAD_NAME: 'reviews-v1',
      ...env,
    },
    fileRoot: root,
    listen: { host: '127.0.0.1', statusPort: 0, readinessPort: 0 },
    log: (line) => lines.push(line),
    ...options,
  });
}

const calls: string[] = [];
const hooks = (change: Partial<ProxyHooks> = {}): ProxyHooks => ({
  readiness: () => ({ ready: true }),
  metrics: () => 'istio_requests_total 1\n',
  drain: () => void calls.push('drain'),
  quit: () => void calls.push('quit'),
  activeConnections: () => 0,
  ...change,
});

interface Answer {
  status: number;
  body: string;
}
function call(port: number, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('the node is what istiod expects of an injected pod', () => {
  const { node, role, proxyConfig } = make({
    ISTIO_METAJSON_EXTRA: '{"a":1}',
    ISTIO_META_POD_PORTS: '[{"containerPort":9080}]',
  });
  expect(node.id).toBe('sidecar~127.0.0.1~reviews-v1-abc.default~default.svc.cluster.local');
  expect(node.cluster).toBe('reviews.default');
  expect(role).toBe('sidecar');
  expect(node.metadata).toMatchObject({
    NAME: 'reviews-v1-abc',
    NAMESPACE: 'default',
    SERVICE_ACCOUNT: 'bookinfo-reviews',
    CLUSTER_ID: 'Kubernetes',
    INSTANCE_IPS: '127.0.0.1',
    LABELS: { app: 'reviews', version: 'v1' },
    ANNOTATIONS: { note: 'a "b"\nc' },
    WORKLOAD_NAME: 'reviews-v1',
    POD_PORTS: '[{"containerPort":9080}]',
    EXTRA: { a: 1 },
    PILOT_SAN: ['istiod.istio-system.svc'],
  });
  expect(proxyConfig).toMatchObject({
    terminationDrainDurationSeconds: 0,
    drainDurationSeconds: 45,
    statusPort: 15_020,
  });
});

test.each<[Record<string, string>, RegExp]>([
  [{ POD_NAME: '' }, /POD_NAME is not set/],
  [{ INSTANCE_IP: 'x' }, /INSTANCE_IP is no IP address/],
  [{ PROXY_CONFIG: '{' }, /PROXY_CONFIG is not JSON/],
  [{ PROXY_CONFIG: '{"concurrency":"two"}' }, /PROXY_CONFIG.concurrency is "two"; a number/],
  [{ SECRET_TTL: 'soon' }, /SECRET_TTL="soon" is no duration/],
  [{ SECRET_GRACE_PERIOD_RATIO: '2' }, /not between 0 and 1/],
])('%j is an error that says what to do', (env, message) => {
  expect(() => make(env)).toThrow(message);
});

test('start gets a certificate for the pod’s identity; keys show nowhere', async () => {
  const agent = make();
  const changed: string[] = [];
  agent.secrets.onChange((name) => changed.push(name));
  await agent.start(end.signal, hooks());
  const certificate = agent.secrets.get('default')!;
  expect(certificate.identity).toBe('spiffe://cluster.local/ns/default/sa/bookinfo-reviews');
  expect(agent.secrets.get('ROOTCA')!.rootsPem).toBe(ca.ca.rootCertPem);
  expect(changed).toEqual(['ROOTCA', 'default']);
  expect(
    new X509Certificate(certificate.certificateChainPem).checkPrivateKey(
      createPrivateKey(certificate.privateKey.reveal()),
    ),
  ).toBe(true);
  expect([lines.join(), ca.log.join(), inspect(agent, { depth: 9 }), JSON.stringify(certificate)].join()).not.toContain(
    'PRIVATE KEY',
  );
});

test('readiness: no before the certificate, then what the proxy says, no again when draining', async () => {
  rmSync(join(root, 'var/run/secrets/istio/root-cert.pem'));
  const agent = make();
  const started = agent.start(end.signal, hooks());
  while (agent.ports === undefined) await new Promise(setImmediate);
  const { readinessPort, statusPort } = agent.ports;
  expect(await call(readinessPort, '/healthz/ready')).toEqual({
    status: 503,
    body: 'no certificate from the control plane yet\n',
  });
  put('var/run/secrets/istio/root-cert.pem', ca.ca.rootCertPem);
  await started;
  expect((await call(readinessPort, '/healthz/ready')).status).toBe(200);
  expect((await call(statusPort, '/healthz/ready')).status).toBe(200);
  expect((await call(readinessPort, '/metrics')).status).toBe(404);
  calls.length = 0;
  expect((await call(statusPort, '/drain')).status).toBe(405);
  expect((await call(statusPort, '/drain', 'POST')).status).toBe(200);
  await agent.drain();
  expect((await call(statusPort, '/quitquitquit', 'POST')).status).toBe(200);
  expect(calls).toEqual(['drain', 'quit']);
  expect(await call(readinessPort, '/healthz/ready')).toEqual({ status: 503, body: 'draining\n' });
});

test('renewal: new key and certificate before the old one ends, announced once each', async () => {
  let now = Date.now();
  // Renewal is due almost at once, in a clock of ours.
  const agent = make({ SECRET_TTL: '60s', SECRET_GRACE_PERIOD_RATIO: '0.99' }, { now: () => now, random: () => 0.5 });
  await agent.start(end.signal, hooks());
  const first = agent.secrets.get('default')!;
  const renewed = new Promise<void>((resolve) => agent.secrets.onChange((name) => name === 'default' && resolve()));
  now += 20_000;
  await renewed;
  const second = agent.secrets.get('default')!;
  expect(second.certificateChainPem).not.toBe(first.certificateChainPem);
  expect(second.privateKey.reveal()).not.toBe(first.privateKey.reveal());
  expect(second.identity).toBe(first.identity);
});

describe('on 15020', () => {
  test('metrics of agent, proxy and app come in one answer, and a broken app does not spoil it', async () => {
    const port = await app((_request, response) => response.end('app_total 5\n# EOF\n'));
    const agent = make({
      ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', port: String(port), path: '/m' }),
    });
    await agent.start(end.signal, hooks());
    const { status, body } = await call(agent.ports!.statusPort, '/stats/prometheus');
    expect(status).toBe(200);
    expect(body).toMatch(/istio_agent_cert_expiry_seconds\{resource_name="default"\} 86\d\d\d/);
    expect(body).toContain('istio_requests_total 1\n');
    expect(body.endsWith('app_total 5\n')).toBe(true);
    await new Promise((resolve) => apps.splice(0)[0]!.close(resolve));
    await call(agent.ports!.statusPort, '/metrics');
    const after = await call(agent.ports!.statusPort, '/metrics');
    expect(after.body).toContain('istio_agent_scrape_failures_total{type="application"}');
    expect(after.body).toContain('istio_requests_total 1\n');
  });

  test('probes reach the app with its own path, headers and redirects', async () => {
    const seen: string[] = [];
    const port = await app((request, response) => {
      seen.push(`${request.url} ${request.headers['x-probe']} ${request.socket.remoteAddress}`);
      if (request.url === '/health?x=1') response.writeHead(302, { location: '/moved' }).end();
      else response.writeHead(request.url === '/moved' ? 204 : 500).end();
    });
    const agent = make({
      ISTIO_KUBE_APP_PROBERS: JSON.stringify({
        '/app-health/reviews/readyz': {
          httpGet: { path: '/health?x=1', port, httpHeaders: [{ name: 'X-Probe', value: 'yes' }] },
        },
        '/app-health/reviews/livez': { tcpSocket: { port } },
        '/app-health/reviews/startupz': { httpGet: { path: 'broken', port } },
        '/app-health/other/livez': { tcpSocket: { port: 1 } },
      }),
    });
    await agent.start(end.signal, hooks());
    const probe = async (path: string): Promise<number> => (await call(agent.ports!.statusPort, path)).status;
    expect(await probe('/app-health/reviews/readyz')).toBe(204);
    expect(seen).toEqual(['/health?x=1 yes 127.0.0.6', '/moved yes 127.0.0.6']);
    expect(await probe('/app-health/reviews/livez')).toBe(200);
    expect(await probe('/app-health/reviews/startupz')).toBe(500);
    expect(await probe('/app-health/other/livez')).toBe(500);
    expect(await probe('/app-health/unknown/livez')).toBe(404);
  });
});

test('discovery: the target of PROXY_CONFIG, TLS composed with the token', async () => {
  const agent = make();
  await agent.start(end.signal, hooks());
  const { target, credentials } = agent.openDiscovery();
  expect(target).toBe('dns:///istiod.istio-system.svc:15012');
  expect(credentials._isSecure()).toBe(true);
});
