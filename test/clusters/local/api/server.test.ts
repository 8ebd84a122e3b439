// The embedded API server in-process: watches, locking, apply, CRDs, tokens and access, over real TLS on a free port.
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createApiServer, type RunningApiServer } from '../../../../clusters/local/api/server.ts';
import { ensurePki, type Pki } from '../../../../clusters/local/pki.ts';
import { KubeClient } from '../../../../services/lib/kube/client.ts';

let dir: string;
let pki: Pki;
let stop: AbortController;
let server: RunningApiServer;
let client: KubeClient;

async function startServer(): Promise<void> {
  stop = new AbortController();
  server = await createApiServer({ dataDir: join(dir, 'data'), pkiDir: pki.dir, port: 0 }).start(stop.signal);
  await ensurePki(pki.dir, { server: server.url });
  client = KubeClient.fromKubeconfig(pki.adminKubeconfig);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'api-server-'));
  pki = await ensurePki(join(dir, 'pki'));
  await startServer();
});
afterAll(async () => {
  client.close();
  stop.abort();
  await server.closed;
  rmSync(dir, { recursive: true, force: true });
});

/** An anonymous request, or one with a token. */
function anonymous(path: string, token?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const outgoing = request(
      new URL(path, server.url),
      { rejectUnauthorized: false, agent: false, headers },
      (incoming) => {
        incoming.resume();
        incoming.on('close', () => resolve(incoming.statusCode ?? 0));
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, data: Record<string, string> = {}): object => ({ metadata: { name }, data });
interface Answer {
  readonly metadata: { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly status?: { readonly token?: string };
}

test('who has no credential sees health and version, nothing else', async () => {
  expect(await anonymous('/readyz')).toBe(200);
  expect(await anonymous('/version')).toBe(200);
  expect(await anonymous(configMaps)).toBeGreaterThanOrEqual(401);
  expect(await anonymous(configMaps, 'nonsense')).toBe(401);
});

test('a stale update is refused, a fresh one is not', async () => {
  const made = await client.request<Answer>(configMaps, { method: 'POST', body: configMap('lock') });
  await client.request(`${configMaps}/lock`, { method: 'PUT', body: configMap('lock', { a: '1' }) });
  const stale = { metadata: { name: 'lock', resourceVersion: made.metadata.resourceVersion }, data: { a: '2' } };
  await expect(client.request(`${configMaps}/lock`, { method: 'PUT', body: stale })).rejects.toMatchObject({
    code: 409,
  });
});

test('a token speaks for its account, with the rights that its bindings give', async () => {
  await client.request('/api/v1/namespaces/default/serviceaccounts', {
    method: 'POST',
    body: { metadata: { name: 'robot' } },
  });
  const issued = await client.request<Answer>('/api/v1/namespaces/default/serviceaccounts/robot/token', {
    method: 'POST',
    body: { spec: {} },
  });
  const token = issued.status?.token ?? '';
  expect(await anonymous(configMaps, token)).toBe(403);
  await client.request('/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
    method: 'POST',
    body: {
      metadata: { name: 'robot' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: 'default' }],
    },
  });
  expect(await anonymous(configMaps, token)).toBe(200);
  expect(await anonymous('/api/v1/namespaces/default/secrets', token)).toBe(403);
});

test('objects and versions survive a restart', async () => {
  const before = await client.request<Answer>(configMaps, { method: 'POST', body: configMap('kept', { a: 'b' }) });
  client.close();
  stop.abort();
  await server.closed;
  await startServer();
  const after = await client.request<Answer>(`${configMaps}/kept`);
  expect(after.data).toEqual({ a: 'b' });
  expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
});
