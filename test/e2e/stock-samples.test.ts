// Istio's samples, as they stand, on a bare mesh: kubectl apply, pods 2/2, and the routes do what they say.
import { Agent } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fetchOnce } from './load.ts';
import { eventually, kubectlPath, Mesh } from './mesh.ts';

const skip = kubectlPath() === undefined ? 'kubectl is not on this machine' : undefined;
const when = skip === undefined ? describe : describe.skip;
if (skip !== undefined) console.warn(`skipped: ${skip}`);

const mesh = new Mesh('stock', 4);
const sample = (name: string): string => join(import.meta.dirname, 'samples', `${name}.yaml`);
const apply = (...names: string[]): Promise<string> =>
  mesh.kubectl(['apply', ...names.flatMap((name) => ['-f', sample(name)])]);

const agent = new Agent({ keepAlive: true, maxSockets: 8 });

/** Which version of reviews answers, by requests through the gateway. */
async function versions(requests: number, headers: Record<string, string> = {}): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let sent = 0; sent < requests; sent++) {
    const { status, body } = await fetchOnce(`${mesh.gateway}/productpage`, agent, headers);
    if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 300)}`);
    const version = /data-service="reviews" data-version="(v\d)"/.exec(body)?.[1] ?? 'none';
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}

when("Istio's samples in a namespace with istio-injection=enabled", () => {
  beforeAll(async () => {
    await mesh.up('--bare');
    await mesh.kubectl(['label', 'namespace', 'default', 'istio-injection=enabled', '--overwrite']);
    await apply('bookinfo', 'sleep', 'httpbin', 'helloworld', 'tcp-echo');
    await mesh.kubectl(['wait', 'deployment', '--all', '--for=condition=Available', '--timeout=110s']);
  }, 400_000);
  afterAll(async () => {
    agent.destroy();
    await mesh.down();
  }, 120_000);

  test('every pod has its proxy and is ready', async () => {
    const rows = (await mesh.kubectl(['get', 'pods', '--no-headers'])).trim().split('\n');
    expect(rows.map((row) => row.split(/\s+/).slice(1, 3).join(' '))).toEqual(Array(11).fill('2/2 Running'));
  });

  test("Bookinfo's page is at the gateway once Gateway and VirtualService are there", async () => {
    await apply('bookinfo-gateway');
    const page = await eventually('the page', async () => {
      const { status, body } = await fetchOnce(`${mesh.gateway}/productpage`, agent, {});
      return status === 200 && body;
    });
    expect(page).toContain('The Comedy of Errors');
    expect((await fetchOnce(`${mesh.gateway}/api/v1/products`, agent, {})).status).toBe(200);
    expect((await fetchOnce(`${mesh.gateway}/nothing`, agent, {})).status).toBe(404);
  }, 90_000);

  test('without routes every version answers', async () => {
    await eventually('all three versions', async () => Object.keys(await versions(30)).length === 3);
  }, 90_000);

  test('all traffic to v1', async () => {
    await apply('destination-rule-all', 'virtual-service-all-v1');
    await eventually('v1 alone', async () => (await versions(20))['v1'] === 20);
    expect(await versions(50)).toEqual({ v1: 50 });
  }, 90_000);

  test('jason to v2, everybody else to v3', async () => {
    await apply('virtual-service-reviews-jason-v2-v3');
    await eventually('v3 for others', async () => (await versions(20))['v3'] === 20);
    expect(await versions(30, { 'end-user': 'jason' })).toEqual({ v2: 30 });
    expect(await versions(30, { cookie: 'user=jason' })).toEqual({ v2: 30 });
  }, 90_000);

  test('half to v1, half to v3', async () => {
    await apply('virtual-service-reviews-50-v3');
    await eventually('both versions', async () => ((await versions(20))['v1'] ?? 0) > 0);
    const counts = await versions(400);
    expect(counts['v2'] ?? 0).toBe(0);
    // Five times the deviation: wrong by chance once in a million runs.
    expect(Math.abs((counts['v1'] ?? 0) - 200)).toBeLessThanOrEqual(5 * Math.sqrt(400 * 0.25));
  }, 90_000);

  test('helloworld and httpbin behind gateways of their own', async () => {
    await apply('helloworld-gateway', 'httpbin-gateway');
    const hello = new Set<string>();
    await eventually('both versions of helloworld', async () => {
      const { status, body } = await fetchOnce(`${mesh.gateway}/hello`, agent, {});
      if (status === 200) hello.add(/version: (v\d)/.exec(body)?.[1] ?? body);
      return hello.size === 2;
    });
    expect([...hello].sort()).toEqual(['v1', 'v2']);
    const host = { host: 'httpbin.example.com' };
    await eventually(
      'httpbin',
      async () => (await fetchOnce(`${mesh.gateway}/status/200`, agent, host)).status === 200,
    );
    expect((await fetchOnce(`${mesh.gateway}/status/418`, agent, host)).status).toBe(418);
    const { body } = await fetchOnce(`${mesh.gateway}/headers`, agent, host);
    expect(body).toContain('X-Request-Id');
    expect((await fetchOnce(`${mesh.gateway}/get`, agent, host)).status).toBe(404);
  }, 120_000);
});
