import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execToken, fileToken } from '#lib/kube/credentials.ts';
import { inClusterConnection } from '#lib/kube/in-cluster.ts';
import { parseKubeconfig } from '#lib/kube/kubeconfig.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  writeFileSync(join(dir, 'ca.crt'), 'CA');
  writeFileSync(join(dir, 'token'), 'one\n');
});
afterAll(() => rmSync(dir, { recursive: true }));

const config = (server = 'https://127.0.0.1:6443/'): string => `
apiVersion: v1
kind: Config
current-context: local
clusters:
- name: c
  cluster: { server: ${JSON.stringify(server)}, certificate-authority: ca.crt, tls-server-name: kubernetes }
contexts:
- name: local
  context: { cluster: c, user: u, namespace: shop }
- name: broken
  context: { cluster: nowhere, user: u }
users:
- name: u
  user: { client-certificate-data: Q0VSVA==, client-key-data: S0VZ }
`;

describe('a kubeconfig', () => {
  test('gives the connection of its current context, files relative to it', () => {
    const connection = parseKubeconfig(config(), join(dir, 'config'));
    expect(connection).toMatchObject({
      server: 'https://127.0.0.1:6443',
      ca: 'CA',
      cert: 'CERT',
      key: 'KEY',
      serverName: 'kubernetes',
      namespace: 'shop',
    });
  });

  test('says what is wrong and where', () => {
    const parse =
      (context?: string, text = config()) =>
      () =>
        parseKubeconfig(text, '/x/config', { context });
    expect(parse('other')).toThrow('kubeconfig /x/config: context "other" not found; it has local, broken');
    expect(parse('broken')).toThrow('cluster "nowhere" not found; it has c');
    expect(parse(undefined, config('nonsense'))).toThrow('server "nonsense" is not a URL');
    expect(parse(undefined, '{}')).toThrow('no context chosen');
  });
});

describe('tokens', () => {
  test('of a file are read again after a minute and after a refusal', async () => {
    let now = 0;
    const source = fileToken(join(dir, 'token'), () => now);
    expect(await source.token()).toBe('one');
    writeFileSync(join(dir, 'token'), 'two');
    expect(await source.token()).toBe('one');
    expect(await source.token(true)).toBe('two');
    writeFileSync(join(dir, 'token'), 'three');
    now += 60_000;
    expect(await source.token()).toBe('three');
  });

  test('of a plugin are kept until a minute before they expire', async () => {
    let now = Date.parse('2030-01-01T00:00:00Z');
    const script = `const { kind } = JSON.parse(process.env.KUBERNETES_EXEC_INFO); console.log(JSON.stringify({ kind, status: { token: String(process.hrtime.bigint()), expirationTimestamp: '2030-01-01T00:10:00Z' } }))`;
    const source = execToken({ command: process.execPath, args: ['-e', script] }, () => now);
    const first = await source.token();
    expect(await source.token()).toBe(first);
    now += 9 * 60_000;
    expect(await source.token()).not.toBe(first);
  });

  test('of a plugin that fails name it', async () => {
    const source = execToken({ command: '/nowhere/plugin', installHint: 'install it' });
    await expect(source.token()).rejects.toThrow(/credential plugin \/nowhere\/plugin failed: .*\(install it\)/);
  });
});

describe('in a pod', () => {
  test('the connection comes from environment and mounted files', async () => {
    writeFileSync(join(dir, 'namespace'), 'shop');
    writeFileSync(join(dir, 'token'), 'pod');
    const connection = inClusterConnection(
      { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' },
      dir,
    );
    expect(connection).toMatchObject({ server: 'https://10.96.0.1:443', ca: 'CA', namespace: 'shop' });
    expect(await connection.token?.token()).toBe('pod');
    expect(() => inClusterConnection({}, dir)).toThrow('not in a pod');
  });
});
