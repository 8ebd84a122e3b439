// The first road, end to end: from the typed program to bytes on the wire, on a real mesh on this machine.
import { readdirSync } from 'node:fs';
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { processesOf } from '../../cli/down.ts';
import { instanceOf } from '../../cli/paths.ts';
import { clusterNamespaces, namespaceName } from '../../clusters/local/network/namespace.ts';
import { whyMissing } from '../harness/kubernetes-programs.ts';
import { fetchOnce, startLoad } from './load.ts';
import { eventually, execute, kubectlPath, Mesh } from './mesh.ts';

const skip = kubectlPath() === undefined ? whyMissing('kubectl') : undefined;
const when = skip === undefined ? describe : describe.skip;
if (skip !== undefined) console.warn(`skipped: ${skip}`);

const mesh = new Mesh('canary', 1);

/** Which version of reviews made a page: by its stars. */
function versionOf(page: string): string {
  const version = /data-service="reviews" data-version="(v\d)"/.exec(page)?.[1];
  if (version === undefined) throw new Error(`no version of reviews in the page: ${page.slice(0, 400)}`);
  return version;
}

async function split(requests: number, headers: Record<string, string> = {}): Promise<Record<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const counts: Record<string, number> = {};
  let left = requests;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (left-- > 0) {
        const { status, body } = await fetchOnce(`${mesh.gateway}/productpage`, agent, headers);
        if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 300)}`);
        const version = versionOf(body);
        counts[version] = (counts[version] ?? 0) + 1;
      }
    }),
  );
  agent.destroy();
  return counts;
}

/** Pid of a process in the namespace of a pod, by a command run there. */
async function inPod(pod: string, ...command: string[]): Promise<string> {
  const namespace = await eventually(`the network namespace of ${pod}`, async () => {
    const ip = (await mesh.kubectl(['get', 'pod', pod, '-o', 'jsonpath={.status.podIP}'])).trim();
    for (const name of await clusterNamespaces(instanceOf(mesh.home))) {
      const addresses = await execute('ip', ['-n', name, '-4', 'addr'], {});
      if (ip && addresses.stdout.includes(` ${ip}/`)) return name;
    }
    return undefined;
  });
  const output = await execute('nsenter', [`--net=/run/netns/${namespace}`, '--', ...command]);
  return output.stdout + output.stderr;
}

const podOf = async (selector: string) =>
  (await mesh.kubectl(['get', 'pods', '-l', selector, '-o', 'jsonpath={.items[0].metadata.name}'])).trim();

when('./rig up: Bookinfo with a canary', () => {
  let printed = '';
  beforeAll(async () => {
    printed = (await mesh.up()).stdout;
  }, 300_000);
  afterAll(async () => {
    await mesh.down();
  }, 120_000);

  test('prints addresses and a loop to paste', () => {
    expect(printed).toContain(`${mesh.gateway}/productpage`);
    expect(printed).toMatch(/for |while /);
    expect(printed).toContain('end-user: jason');
  });

  test('every pod is 2/2 and the page is there', async () => {
    const pods = await mesh.kubectl(['get', 'pods']);
    const rows = pods.trim().split('\n').slice(1);
    expect(rows.length).toBeGreaterThanOrEqual(6);
    for (const row of rows) expect(row).toMatch(/\s2\/2\s+Running/);
    const { status, body } = await mesh.get('/productpage');
    expect(status).toBe(200);
    expect(body).toContain('The Comedy of Errors');
  });

  test('of 1,000 requests 90 % reach v1 and 10 % v3, within 3 sigma', async () => {
    const counts = await split(1000);
    expect(counts['v2'] ?? 0).toBe(0);
    const sigma = Math.sqrt(1000 * 0.1 * 0.9);
    expect(Math.abs((counts['v3'] ?? 0) - 100)).toBeLessThanOrEqual(3 * sigma);
  }, 120_000);

  test('end-user: jason always reaches v2', async () => {
    expect(await split(100, { 'end-user': 'jason' })).toEqual({ v2: 100 });
  }, 60_000);

  test('the traffic of an app goes through both proxies by mutual TLS', async () => {
    const productpage = await podOf('app=productpage');
    const reviews = await podOf('app=reviews,version=v1');
    const packets = async (pod: string, chain: string) => {
      const rules = await inPod(pod, 'iptables', '-t', 'nat', '-L', chain, '-v', '-x', '-n');
      const line = rules.split('\n').find((it) => /^\s*\d+\s+\d+\s+REDIRECT\b/.test(it));
      if (!line) throw new Error(`no REDIRECT in ${chain}:\n${rules}`);
      return Number(line.trim().split(/\s+/)[0]);
    };
    // New connections are what the nat table counts: closing the pools is not needed, each request of ours opens what it needs.
    expect(await packets(productpage, 'ISTIO_REDIRECT')).toBeGreaterThan(0);
    expect(await packets(reviews, 'ISTIO_IN_REDIRECT')).toBeGreaterThan(0);
    const ip = (await mesh.kubectl(['get', 'pod', reviews, '-o', 'jsonpath={.status.podIP}'])).trim();
    const shown = await inPod(
      productpage,
      'setpriv',
      '--reuid',
      '1337',
      '--regid',
      '1337',
      '--clear-groups',
      'sh',
      '-c',
      `echo | openssl s_client -connect ${ip}:9080 -alpn istio -showcerts 2>&1 | openssl x509 -noout -ext subjectAltName`,
    );
    expect(shown).toContain('URI:spiffe://cluster.local/ns/default/sa/bookinfo-reviews');
  }, 60_000);

  test('kubectl apply of another weight changes the split, and not one request fails', async () => {
    const load = startLoad(`${mesh.gateway}/productpage`, { perSecond: 200 });
    const route = JSON.parse(await mesh.kubectl(['get', 'virtualservice', 'reviews', '-o', 'json'])) as {
      spec: { http: { route: { destination: { subset: string }; weight?: number }[] }[] };
      metadata: object;
    };
    for (const http of route.spec.http) {
      for (const to of http.route) if (http.route.length > 1) to.weight = to.destination.subset === 'v3' ? 100 : 0;
    }
    await mesh.kubectl(
      ['apply', '--server-side', '--force-conflicts', '--field-manager=test', '-f', '-'],
      JSON.stringify({ ...route, metadata: { name: 'reviews', namespace: 'default' } }),
    );
    await eventually('every request reaches v3', async () => {
      const counts = await split(20);
      return counts['v3'] === 20;
    });
    const { sent, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(0);
  }, 120_000);

  test('a VirtualService that is wrong is refused with a field path and the running routes stay', async () => {
    const bad = await mesh.tryKubectl([
      'patch',
      'virtualservice',
      'reviews',
      '--type=merge',
      '-p',
      '{"spec":{"http":[{"route":[{"destination":{"host":"reviews"},"weight":-5}]}]}}',
    ]);
    expect(bad.code).not.toBe(0);
    expect(bad.stderr).toMatch(/weight/);
    expect((await split(20))['v3']).toBe(20);
  }, 60_000);

  test('nothing goes to a public address', async () => {
    const productpage = await podOf('app=productpage');
    // Cluster DNS has no forwarder: names of services resolve, public ones do not.
    const inside = ['exec', 'deploy/productpage-v1', '-c', 'productpage', '--', 'getent', 'hosts'];
    expect(await mesh.kubectl([...inside, 'reviews'])).toMatch(/^10\.96\./);
    expect((await mesh.tryKubectl([...inside, 'example.com'])).code).not.toBe(0);
    for (const user of ['1000', '1337']) {
      const said = await inPod(
        productpage,
        'setpriv',
        '--reuid',
        user,
        '--regid',
        user,
        '--clear-groups',
        'curl',
        '-sS',
        '-m',
        '15',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        'http://192.0.2.1/',
      );
      expect(said).not.toMatch(/^200/);
    }
    const direct = await inPod(
      productpage,
      'setpriv',
      '--reuid',
      '1337',
      '--regid',
      '1337',
      '--clear-groups',
      'curl',
      '-sS',
      '-m',
      '15',
      'http://192.0.2.1/',
    );
    expect(direct).toMatch(/unreachable|refused|route to host|Could not connect|Failed to connect/i);
  }, 60_000);
});

when('./rig down', () => {
  test('leaves nothing, also after a kill -9 of everything', async () => {
    const other = new Mesh('killed', 2);
    await other.up('--bare');
    const instance = instanceOf(other.home);
    expect((await processesOf(other.home, instance)).length).toBeGreaterThan(3);
    for (const pid of await processesOf(other.home, instance)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {}
    }
    await other.down();
    expect(await processesOf(other.home, instance)).toEqual([]);
    expect(readdirSync('/run/netns').filter((it) => it === namespaceName(instance))).toEqual([]);
    const mounts = await execute('cat', ['/proc/mounts']);
    expect(mounts.stdout).not.toContain(other.home);
  }, 300_000);
});
