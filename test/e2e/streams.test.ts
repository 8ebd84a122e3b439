// Streams of stock kubectl: exec, cp, port-forward and logs, over WebSockets and, with those switched off, over SPDY.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { whyMissing } from '../harness/kubernetes-programs.ts';
import { eventually, execute, kubectlPath, Mesh } from './mesh.ts';

const skip = kubectlPath() === undefined ? whyMissing('kubectl') : undefined;
const when = skip === undefined ? describe : describe.skip;
if (skip !== undefined) console.warn(`skipped: ${skip}`);

const mesh = new Mesh('streams', 8);
const POD = `
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: streams }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: web
      image: docker.io/kennethreitz/httpbin
      ports: [{ containerPort: 80 }]
      readinessProbe: { httpGet: { path: /get, port: 80 }, periodSeconds: 1 }
`;
let folder = '';

when.each([
  ['WebSockets', {}],
  ['SPDY', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }],
])('streams over %s', (name, env: Record<string, string>) => {
  const kubectl = (args: readonly string[], input?: string) =>
    execute(kubectlPath()!, ['-n', 'streams', ...args], {
      env: { ...mesh.env, ...env },
      timeoutMs: 60_000,
      ...(input === undefined ? {} : { input }),
    });

  beforeAll(async () => {
    if (name !== 'WebSockets') return;
    folder = mkdtempSync(join(tmpdir(), 'rig-streams-'));
    await mesh.up('--bare');
    await mesh.kubectl(['create', 'namespace', 'streams']);
    await mesh.kubectl(['apply', '-f', '-'], POD);
    await mesh.kubectl(['-n', 'streams', 'wait', 'pod/web', '--for=condition=Ready', '--timeout=90s']);
  }, 300_000);
  afterAll(async () => {
    if (name !== 'SPDY') return;
    await mesh.down();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  test('exec tells output, errors and the exit code apart, and takes input', async () => {
    const { code, stdout, stderr } = await kubectl(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect([code, stdout]).toEqual([7, 'out\n']);
    expect(stderr).toContain('err\n');
    const text = randomBytes(100_000).toString('base64');
    expect((await kubectl(['exec', '-i', 'web', '--', 'cat'], text)).stdout).toBe(text);
  }, 120_000);

  test('cp carries a file both ways', async () => {
    const bytes = randomBytes(500_000);
    writeFileSync(join(folder, 'there'), bytes);
    const there = await kubectl(['cp', join(folder, 'there'), 'web:/tmp/there']);
    expect([there.code, there.stderr]).toEqual([0, '']);
    const back = await kubectl(['cp', 'web:/tmp/there', join(folder, `back-${name}`)]);
    expect(back.code).toBe(0);
    expect(readFileSync(join(folder, `back-${name}`)).equals(bytes)).toBe(true);
  }, 120_000);

  test('port-forward serves several connections at once', async () => {
    const { spawn } = await import('node:child_process');
    const forward = spawn(kubectlPath()!, ['-n', 'streams', 'port-forward', 'pod/web', ':80'], {
      env: { ...mesh.env, ...env },
    });
    let said = '';
    forward.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    try {
      const port = await eventually('the port', async () => /127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
      const answers = await Promise.all(
        Array.from({ length: 5 }, async () => (await fetch(`http://127.0.0.1:${port}/get`)).status),
      );
      expect(answers).toEqual([200, 200, 200, 200, 200]);
    } finally {
      forward.kill();
    }
  }, 120_000);

  test('logs follow until they are told to stop', async () => {
    const follow = mesh.spawnKubectl(['-n', 'streams', 'logs', '-f', 'web']);
    let said = '';
    follow.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    try {
      await eventually('the first line', async () => said.includes('listens on 80'));
    } finally {
      follow.kill();
    }
  }, 120_000);
});
