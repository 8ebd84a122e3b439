// Stock kubectl at work on the local cluster: rollouts, patches, output forms, logs, cordons, as a user types them.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { whyMissing } from '../harness/kubernetes-programs.ts';
import { eventually, kubectlPath, Mesh } from './mesh.ts';

const skip = kubectlPath() === undefined ? whyMissing('kubectl') : undefined;
const when = skip === undefined ? describe : describe.skip;
if (skip !== undefined) console.warn(`skipped: ${skip}`);

const mesh = new Mesh('stock-kubectl', 3);
const SHOP = ['-n', 'shop'];
const APP = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: docker.io/kennethreitz/httpbin
          env: [{ name: COLOR, value: blue }]
          ports: [{ containerPort: 80 }]
          readinessProbe: { httpGet: { path: /get, port: 80 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
`;

when('stock kubectl on the local cluster', () => {
  const shop = (...args: string[]): Promise<string> => mesh.kubectl([...SHOP, ...args]);
  const color = (): Promise<string> =>
    shop('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].env[0].value}');
  beforeAll(async () => {
    await mesh.up('--bare');
    await mesh.kubectl(['create', 'namespace', 'shop']);
    await mesh.kubectl([...SHOP, 'apply', '-f', '-'], APP);
    await shop('rollout', 'status', 'deploy/web', '--timeout=100s');
  }, 300_000);
  afterAll(() => mesh.down(), 120_000);

  test('shows objects as tables, documents and paths', async () => {
    expect(await shop('get', 'deploy', 'web')).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2 /);
    expect(await shop('get', 'pods', '-o', 'wide')).toMatch(/Running .* rig-node-0 /);
    expect(JSON.parse(await shop('get', 'svc', 'web', '-o', 'json'))).toMatchObject({
      kind: 'Service',
      spec: { type: 'ClusterIP' },
    });
    expect(await shop('get', 'pods', '-o', 'jsonpath={.items[*].status.phase}')).toBe('Running Running');
    expect(await shop('describe', 'deploy', 'web')).toMatch(/Scaled up replica set web-\w+ from 0 to 2/);
    expect(await mesh.kubectl(['api-resources', '--api-group=apps', '-o', 'name'])).toContain('deployments.apps');
    expect(await mesh.kubectl(['get', '--raw', '/readyz'])).toBe('ok');
  }, 120_000);

  test('restarts, numbers and undoes rollouts', async () => {
    await shop('set', 'env', 'deploy/web', 'COLOR=red');
    await shop('rollout', 'status', 'deploy/web', '--timeout=100s');
    await shop('rollout', 'restart', 'deploy/web');
    await shop('rollout', 'status', 'deploy/web', '--timeout=100s');
    expect(await shop('rollout', 'history', 'deploy/web')).toMatch(/1 +<none>\n2 +<none>\n3 +<none>/);
    await shop('rollout', 'undo', 'deploy/web', '--to-revision=1');
    await shop('rollout', 'status', 'deploy/web', '--timeout=100s');
    expect(await color()).toBe('blue');
  }, 240_000);

  test('scales, labels, annotates and patches in every form', async () => {
    await shop('scale', 'deploy/web', '--replicas=3');
    await shop('wait', 'deploy/web', '--for=jsonpath={.status.readyReplicas}=3', '--timeout=100s');
    await shop('label', 'deploy/web', 'tier=front');
    await shop('annotate', 'deploy/web', 'note=here');
    await shop('patch', 'deploy/web', '--type=merge', '-p', '{"metadata":{"labels":{"tier":"back"}}}');
    await shop('patch', 'deploy/web', '--type=json', '-p', '[{"op":"replace","path":"/spec/replicas","value":1}]');
    await shop('patch', 'deploy/web', '-p', '{"metadata":{"annotations":{"note":null}}}');
    const form = 'jsonpath={.metadata.labels.tier} {.metadata.annotations.note} {.spec.replicas}';
    expect((await shop('get', 'deploy', 'web', '-o', form)).split(' ')).toEqual(['back', '', '1']);
    await shop('wait', 'deploy/web', '--for=jsonpath={.status.replicas}=1', '--timeout=100s');
    expect(await shop('logs', 'deploy/web')).toContain('httpbin listens on 80');
  }, 240_000);

  test('watches: a change is seen by a get that waits', async () => {
    const watch = mesh.spawnKubectl([...SHOP, 'get', 'configmap', '-w', '-o', 'name']);
    let seen = '';
    watch.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    try {
      await eventually('the list', async () => seen.includes('configmap/kube-root-ca.crt'));
      await shop('create', 'configmap', 'later', '--from-literal=a=b');
      await eventually('the new object', async () => seen.includes('configmap/later'));
    } finally {
      watch.kill();
    }
    expect(await mesh.kubectl(['get', 'pods', '-A', '-o', 'yaml'])).toContain('kind: Pod');
  }, 120_000);

  test('applies server-side, diffs, explains, shows events and who may do what', async () => {
    const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: owned }\ndata: { a: "1" }\n';
    await mesh.kubectl([...SHOP, 'apply', '--server-side', '--field-manager=one', '-f', '-'], config);
    const conflict = await mesh.tryKubectl(
      [...SHOP, 'apply', '--server-side', '--field-manager=two', '-f', '-'],
      config.replace('"1"', '"2"'),
    );
    expect(conflict.code).not.toBe(0);
    expect(conflict.stderr).toMatch(/conflict with "one".*\.data\.a/s);
    const diff = await mesh.tryKubectl(
      [...SHOP, 'diff', '--server-side', '--force-conflicts', '-f', '-'],
      config.replace('"1"', '"2"'),
    );
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/-\s+a: "1"\n\+\s+a: "2"/);
    expect(await mesh.kubectl(['explain', 'deployment.spec.replicas'])).toMatch(/FIELD: replicas <integer>/);
    expect(await shop('events', '--for', 'deployment/web')).toMatch(/ScalingReplicaSet/);
    expect(await mesh.kubectl(['auth', 'can-i', 'create', 'pods'])).toBe('yes\n');
    expect((await mesh.tryKubectl(['auth', 'can-i', 'create', 'pods', '--as=nobody'])).stdout).toBe('no\n');
  }, 120_000);

  test('deletes with what belongs to it', async () => {
    await shop('delete', 'deploy,svc', '--all', '--cascade=foreground', '--timeout=100s');
    expect(await shop('get', 'deploy,rs,pods,endpointslices', '-o', 'name')).toBe('');
    await mesh.kubectl(['delete', 'namespace', 'shop', '--timeout=100s']);
  }, 240_000);
});
