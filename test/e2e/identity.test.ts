// Identity on a running mesh: who is refused where, and what an app or another user of the machine cannot read.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { issueCertificate, type Signer, selfSignCertificate } from '#lib/tls/certificate.ts';
import { generatePrivateKey, parsePrivateKey, toPrivateKeyPem } from '#lib/tls/keys.ts';
import { instanceOf } from '../../cli/paths.ts';
import { clusterNamespaces, namespaceName, namespacePath } from '../../clusters/local/network/namespace.ts';
import { execute, kubectlPath, Mesh, type Output } from './mesh.ts';

const skip = kubectlPath() === undefined ? 'kubectl is not on this machine' : undefined;
const when = skip === undefined ? describe : describe.skip;
if (skip !== undefined) console.warn(`skipped: ${skip}`);

const mesh = new Mesh('identity', 6);
const instance = instanceOf(mesh.home);
const HOUR_MS = 3_600_000;
const ID = 'spiffe://cluster.local/ns/default/sa/bookinfo-productpage';

/** A client of the mesh's network: neither a pod nor redirected. */
const inCluster = (...command: string[]): Promise<Output> =>
  execute('nsenter', [`--net=${namespacePath(namespaceName(instance))}`, '--', ...command]);

const podIp = (namespace: string, selector: string): Promise<string> =>
  mesh.kubectl(['get', 'pods', '-n', namespace, '-l', selector, '-o', 'jsonpath={.items[0].status.podIP}']);

/** The mesh's own CA, from its Secret. */
async function meshCa(): Promise<Signer> {
  const secret = JSON.parse(
    await mesh.kubectl(['get', 'secret', '-n', 'istio-system', 'istio-ca-secret', '-o', 'json']),
  ) as {
    data: Record<string, string>;
  };
  const text = (key: string): string => Buffer.from(secret.data[key] ?? '', 'base64').toString('utf8');
  return { certificate: new X509Certificate(text('ca-cert.pem')), privateKey: parsePrivateKey(text('ca-key.pem')) };
}

async function foreignCa(): Promise<Signer> {
  const privateKey = await generatePrivateKey();
  const times = { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + HOUR_MS };
  const pem = selfSignCertificate(
    { subject: { organization: 'cluster.local' }, names: {}, ca: true, ...times },
    privateKey,
  );
  return { certificate: new X509Certificate(pem), privateKey };
}

/** Writes a client certificate with its key; gives the path. */
async function clientFile(name: string, signer: Signer, uri: string, notAfterMs: number): Promise<string> {
  const key = await generatePrivateKey();
  const leaf = { subject: {}, publicKey: createPublicKey(key), names: { uris: [uri] }, ca: false };
  const pem = issueCertificate({ ...leaf, notBeforeMs: Date.now() - 2 * HOUR_MS, notAfterMs }, signer);
  const path = join(mesh.home, `${name}.pem`);
  writeFileSync(path, pem + toPrivateKeyPem(key).reveal(), { mode: 0o600 });
  return path;
}

/** One request over mutual TLS; what openssl says and gets until the server closes. */
const askSidecar = (ip: string, file: string): Promise<Output> =>
  inCluster(
    'sh',
    '-c',
    `printf 'GET /reviews/0 HTTP/1.1\\r\\nHost: reviews:9080\\r\\nConnection: close\\r\\n\\r\\n' | timeout 20 openssl s_client -connect ${ip}:9080 -cert ${file} -key ${file} -alpn istio-http/1.1 -quiet -ign_eof 2>&1`,
  );

/** Whether istiod keeps the connection: 124 is the timeout of a connection that stays open. */
const staysOpen = async (ip: string, file: string, seconds: number): Promise<boolean> => {
  const { code } = await inCluster(
    'sh',
    '-c',
    `timeout ${seconds} openssl s_client -connect ${ip}:15012 -cert ${file} -key ${file} -alpn h2 -quiet -ign_eof </dev/null >/dev/null 2>&1`,
  );
  return code === 124;
};

/** Processes of one container program in any pod of this mesh. */
async function processOf(program: string): Promise<string> {
  for (const name of await clusterNamespaces(instance)) {
    const { stdout } = await execute('ip', ['netns', 'pids', name]);
    for (const pid of stdout.split('\n').filter((line) => line !== '')) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program)) return pid;
    }
  }
  throw new Error(`no process runs ${program}`);
}

when('identity on a running mesh', () => {
  beforeAll(async () => {
    await mesh.down();
    await mesh.up();
  }, 300_000);
  afterAll(() => mesh.down(), 120_000);

  test('a foreign CA, an expired certificate and a foreign trust domain are refused on 15006 and 15012', async () => {
    const [own, foreign] = [await meshCa(), await foreignCa()];
    const later = Date.now() + HOUR_MS;
    const good = await clientFile('good', own, ID, later);
    const bad = [
      await clientFile('foreign', foreign, ID, later),
      await clientFile('expired', own, ID, Date.now() - HOUR_MS),
      await clientFile('trust-domain', own, 'spiffe://other.org/ns/default/sa/bookinfo-productpage', later),
    ];
    const [reviews, istiod] = [
      await podIp('default', 'app=reviews,version=v1'),
      await podIp('istio-system', 'app=istiod'),
    ];
    expect((await askSidecar(reviews, good)).stdout).toContain('HTTP/1.1 200');
    expect(await staysOpen(istiod, good, 3)).toBe(true);
    for (const file of bad) {
      expect([file, (await askSidecar(reviews, file)).stdout]).toEqual([file, expect.not.stringContaining('HTTP/1.1')]);
      expect([file, await staysOpen(istiod, file, 20)]).toEqual([file, false]);
    }
  }, 120_000);

  test('an app sees neither its proxy’s token nor any process or file of others', async () => {
    const pid = await processOf('bookinfo-productpage.mjs');
    const inApp = (command: string): Promise<Output> =>
      execute('nsenter', ['-t', pid, '-m', '-p', '-n', '--setuid', '1000', '--setgid', '1000', 'sh', '-c', command]);
    expect((await inApp('ls /var/run/secrets')).stdout.trim()).toBe('kubernetes.io');
    for (const folder of ['pods', 'pki', 'data'])
      expect((await inApp(`ls ${join(mesh.home, folder)}`)).code).not.toBe(0);
    expect((await inApp('cat /proc/[0-9]*/cmdline')).stdout).not.toContain('proxy.mjs');
  }, 60_000);

  test('keys on disk are their owner’s alone, and another user of the machine reads none', async () => {
    const pki = join(mesh.home, 'pki');
    const keys = readdirSync(pki).filter((name) => /\.(?:key|kubeconfig)$/.test(name));
    expect(keys.length).toBeGreaterThan(3);
    for (const name of keys) expect([name, statSync(join(pki, name)).mode & 0o077]).toEqual([name, 0]);
    const nobody = (...command: string[]): Promise<Output> =>
      execute('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', ...command]);
    for (const folder of ['pki', 'data', 'pods', 'logs'])
      expect((await nobody('ls', join(mesh.home, folder))).code).not.toBe(0);
    expect((await nobody('cat', join(mesh.home, 'kubeconfig'))).code).not.toBe(0);
  }, 60_000);

  test('no log holds a key or a token', async () => {
    const pods = JSON.parse(await mesh.kubectl(['get', 'pods', '-A', '-o', 'json'])) as {
      items: { metadata: { name: string; namespace: string } }[];
    };
    for (const { metadata } of pods.items) {
      const log = await mesh.kubectl(['logs', '-n', metadata.namespace, metadata.name, '--all-containers']);
      expect(log).not.toMatch(/PRIVATE KEY|eyJ[A-Za-z0-9_-]{20,}\./);
    }
    for (const name of readdirSync(join(mesh.home, 'logs'))) {
      expect(readFileSync(join(mesh.home, 'logs', name), 'utf8')).not.toMatch(/PRIVATE KEY|eyJ[A-Za-z0-9_-]{20,}\./);
    }
  }, 120_000);
});
