// Three nodes: pods spread over them, reach each other through services, and a drained node's pods come up elsewhere.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { whyMissing } from '../harness/kubernetes-programs.ts';
import { eventually, kubectlPath, Mesh } from './mesh.ts';

const skip = kubectlPath() === undefined ? whyMissing('kubectl') : undefined;
const when = skip === undefined ? describe : describe.skip;
if (skip !== undefined) console.warn(`skipped: ${skip}`);

const mesh = new Mesh('nodes', 9);
const APP = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 6
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: { matchLabels: { app: web } } }
      containers:
        - name: web
          image: docker.io/kennethreitz/httpbin
          ports: [{ containerPort: 80 }]
          readinessProbe: { httpGet: { path: /get, port: 80 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
`;

when('three nodes', () => {
  const nodesOfPods = async () =>
    new Set(
      (await mesh.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}']))
        .trim()
        .split(' '),
    );
  beforeAll(async () => {
    await mesh.up('--bare', '--nodes', '3');
    await mesh.kubectl(['apply', '-f', '-'], APP);
    await mesh.kubectl(['rollout', 'status', 'deploy/web', '--timeout=120s']);
  }, 300_000);
  afterAll(() => mesh.down(), 120_000);

  test('are Ready, each with addresses of its own', async () => {
    expect(
      (await mesh.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].spec.podCIDR}'])).trim().split(' ').sort(),
    ).toEqual(['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24']);
    expect((await mesh.kubectl(['get', 'nodes', '--no-headers'])).match(/ Ready /g)).toHaveLength(3);
    expect((await nodesOfPods()).size).toBe(3);
  }, 60_000);

  test('a pod of each reaches the service', async () => {
    const pods = (await mesh.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}']))
      .trim()
      .split(' ');
    for (const pod of pods) {
      expect(
        await mesh.kubectl([
          'exec',
          pod,
          '--',
          'curl',
          '-s',
          '-m',
          '10',
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          'http://web.default/get',
        ]),
      ).toBe('200');
    }
  }, 120_000);

  test('a drained node ends its pods, and they come up elsewhere', async () => {
    await mesh.kubectl([
      'patch',
      'deploy/web',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/template/spec/topologySpreadConstraints"}]',
    ]);
    await mesh.kubectl(['rollout', 'status', 'deploy/web', '--timeout=120s']);
    await mesh.kubectl([
      'drain',
      'rig-node-2',
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--force',
      '--timeout=100s',
    ]);
    await mesh.kubectl(['rollout', 'status', 'deploy/web', '--timeout=120s']);
    await eventually('six pods off the drained node', async () => !(await nodesOfPods()).has('rig-node-2'));
    expect(await mesh.kubectl(['get', 'node', 'rig-node-2'])).toContain('SchedulingDisabled');
    await mesh.kubectl(['uncordon', 'rig-node-2']);
  }, 240_000);
});
