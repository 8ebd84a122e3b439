// The pure halves of several controllers: scheduling, endpoints, jobs, daemons, budgets, evictions, cron.
import { describe, expect, test } from '@jest/globals';
import { parseCron } from '../../../../clusters/local/controllers/cron-schedule.ts';
import { lastDue } from '../../../../clusters/local/controllers/cron-job.ts';
import { planDaemonSet } from '../../../../clusters/local/controllers/daemon-set.ts';
import { toBudgetStatus } from '../../../../clusters/local/controllers/disruption.ts';
import { toEndpoints, toSlices } from '../../../../clusters/local/controllers/endpoints.ts';
import { planJob } from '../../../../clusters/local/controllers/job.ts';
import { toleratedForMs, wantedTaints } from '../../../../clusters/local/controllers/node-lifecycle.ts';
import type {
  CronJob,
  DaemonSet,
  Job,
  Node,
  Pod,
  PodDisruptionBudget,
  Service,
} from '../../../../clusters/local/controllers/objects.ts';
import { toNumber } from '../../../../clusters/local/quantity.ts';
import { schedule } from '../../../../clusters/local/controllers/scheduling.ts';
import { templateHash } from '../../../../clusters/local/controllers/template-hash.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const pod = (
  name: string,
  spec: Partial<Pod['spec']> = {},
  extra: Partial<Pod['metadata']> = {},
  status: Pod['status'] = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', uid: name, labels: { app: 'web' }, ...extra },
  spec: { containers: [{ name: 'web' }], ...spec },
  status,
});
const ready = (ip: string): Pod['status'] => ({
  phase: 'Running',
  podIP: ip,
  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2029-12-31T00:00:00Z' }],
});
const node = (name: string, labels: Record<string, string> = {}, spec: Node['spec'] = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec,
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '10' } },
});

describe('scheduling', () => {
  const view = (nodes: Node[], pods: Pod[] = []) => ({ nodes, pods, namespaces: new Map() });
  test('says of each node why it does not fit', () => {
    const tainted = node('b', {}, { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] });
    const busy = pod('busy', { nodeName: 'a', containers: [{ name: 'x', resources: { requests: { cpu: '1500m' } } }] });
    const wanted = pod('new', { containers: [{ name: 'x', resources: { requests: { cpu: '1' } } }] });
    expect(schedule(wanted, view([node('a'), tainted, node('c', {}, { unschedulable: true })], [busy]))).toEqual({
      message: expect.stringMatching(
        /^0\/3 nodes are available: 1 Insufficient cpu, 1 node\(s\) had untolerated taint \{gpu: yes\}, 1 node\(s\) were unschedulable\./,
      ),
    });
    expect(schedule(wanted, view([]))).toEqual({ message: 'no nodes available to schedule pods' });
  });

  test('keeps pods apart by anti-affinity, of either side, and spreads siblings', () => {
    const rule = { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [rule] } };
    const nodes = [node('a'), node('b')];
    expect(schedule(pod('new', { affinity }), view(nodes, [pod('old', { nodeName: 'a' })]))).toEqual({ node: 'b' });
    expect(schedule(pod('new'), view(nodes, [pod('old', { nodeName: 'a', affinity })]))).toEqual({ node: 'b' });
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs' }];
    const sibling = pod('old', { nodeName: 'a' }, { ownerReferences });
    const strangers = [1, 2, 3].map((id) => pod(`other-${id}`, { nodeName: 'b' }));
    expect(schedule(pod('new', {}, { ownerReferences }), view(nodes, [sibling, ...strangers]))).toEqual({ node: 'b' });
  });

  test('obeys node affinity by name, topology spread and host ports', () => {
    const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }];
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
    const nodes = [node('a', { zone: '1' }), node('b', { zone: '2' })];
    expect(schedule(pod('new', { affinity }), view(nodes))).toEqual({ node: 'b' });
    const spread = {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
    };
    expect(
      schedule(pod('new', { topologySpreadConstraints: [spread] }), view(nodes, [pod('old', { nodeName: 'a' })])),
    ).toEqual({ node: 'b' });
    const containers = [{ name: 'x', ports: [{ containerPort: 80, hostPort: 80 }] }];
    expect(
      schedule(pod('new', { containers }), view([node('a')], [pod('old', { nodeName: 'a', containers })])),
    ).toMatchObject({
      message: expect.stringContaining("didn't have free ports"),
    });
  });
});

describe('endpoints', () => {
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', uid: 's' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'web' }] },
  };
  const withPort = (name: string, port: number, status: Pod['status'], extra = {}): Pod =>
    pod(
      name,
      { nodeName: 'a', containers: [{ name: 'x', ports: [{ name: 'web', containerPort: port }] }] },
      extra,
      status,
    );
  const nodeOf = () => node('a', { 'topology.kubernetes.io/zone': 'z1' });

  test('group pods by the number a named port resolves to, and know ready, serving and terminating', () => {
    const pods = [
      withPort('a', 8080, ready('10.0.0.1')),
      withPort('b', 9090, ready('10.0.0.2')),
      withPort('c', 8080, { phase: 'Running', podIP: '10.0.0.3' }),
      withPort('d', 8080, ready('10.0.0.4'), { deletionTimestamp: '2030-01-01T00:00:00Z' }),
      withPort('e', 8080, { phase: 'Pending' }),
    ];
    const slices = toSlices({ service, pods, nodeOf });
    const summary = slices.map(({ ports, endpoints }) => [
      ports?.[0]?.port,
      (endpoints ?? []).map(({ addresses, conditions, zone }) => [
        addresses[0],
        conditions?.ready,
        conditions?.serving,
        conditions?.terminating,
        zone,
      ]),
    ]);
    expect(summary).toEqual([
      [
        8080,
        [
          ['10.0.0.1', true, true, false, 'z1'],
          ['10.0.0.3', false, false, false, 'z1'],
          ['10.0.0.4', false, true, true, 'z1'],
        ],
      ],
      [9090, [['10.0.0.2', true, true, false, 'z1']]],
    ]);
    expect(new Set(slices.map(({ metadata }) => metadata.name)).size).toBe(2);
    expect(toSlices({ service, pods: [...pods].reverse(), nodeOf })).toEqual(slices);
    const { subsets } = toEndpoints({ service, pods, nodeOf });
    expect(
      subsets?.map(({ addresses, notReadyAddresses }) => [
        addresses?.map(({ ip }) => ip),
        notReadyAddresses?.map(({ ip }) => ip),
      ]),
    ).toEqual([
      [['10.0.0.1'], ['10.0.0.3']],
      [['10.0.0.2'], undefined],
    ]);
  });

  test('more than a hundred are split, none still has one slice', () => {
    const pods = Array.from({ length: 101 }, (_, index) => withPort(`p${index}`, 8080, ready(`10.0.1.${index}`)));
    expect(toSlices({ service, pods, nodeOf }).map(({ endpoints }) => endpoints?.length)).toEqual([100, 1]);
    expect(toSlices({ service, pods: [], nodeOf })).toHaveLength(1);
  });
});

describe('jobs', () => {
  const job = (spec: Partial<Job['spec']>, status: Job['status'] = {}): Job => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'j', namespace: 'default', uid: 'j' },
    spec: { completions: 3, parallelism: 2, template: { spec: { containers: [{ name: 'x' }] } }, ...spec },
    status,
  });
  const ended = (name: string, phase: string, exitCode = 0): Pod =>
    pod(
      name,
      {},
      {},
      {
        phase,
        containerStatuses: [{ name: 'x', state: { terminated: { exitCode, finishedAt: '2029-12-31T23:59:59Z' } } }],
      },
    );

  test('start what is missing, never more than is left', () => {
    expect(planJob(job({}), [], NOW).create).toHaveLength(2);
    expect(planJob(job({}), [ended('a', 'Succeeded'), ended('b', 'Succeeded')], NOW).create).toHaveLength(1);
  });

  test('wait before a retry, ten seconds and then twice as long', () => {
    const once = planJob(job({}), [ended('a', 'Failed', 1)], NOW);
    expect([once.create.length, once.againMs]).toEqual([0, 9_000]);
    const twice = planJob(job({}), [ended('a', 'Failed', 1), ended('b', 'Failed', 1)], NOW);
    expect(twice.againMs).toBe(19_000);
  });

  test('hand out the free indexes and note the finished ones as ranges', () => {
    const at = (name: string, phase: string, index: number): Pod => {
      const each = ended(name, phase);
      return {
        ...each,
        metadata: { ...each.metadata, annotations: { 'batch.kubernetes.io/job-completion-index': String(index) } },
      };
    };
    const pods = [at('a', 'Succeeded', 0), at('b', 'Succeeded', 1), at('c', 'Succeeded', 3), at('d', 'Running', 2)];
    const plan = planJob(job({ completionMode: 'Indexed', completions: 6, parallelism: 2 }), pods, NOW);
    expect(plan.status?.completedIndexes).toBe('0-1,3');
    expect(
      plan.create.map(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-completion-index']),
    ).toEqual(['4']);
  });

  test('end at the deadline and expire after their time to live', () => {
    const late = planJob(job({ activeDeadlineSeconds: 5 }, { startTime: '2029-12-31T23:59:00Z' }), [pod('a')], NOW);
    expect(late.status?.conditions?.at(-1)).toMatchObject({ type: 'Failed', reason: 'DeadlineExceeded' });
    expect(late.remove).toHaveLength(1);
    const done = { conditions: [{ type: 'Complete', status: 'True', lastTransitionTime: '2029-12-31T23:59:50Z' }] };
    expect(planJob(job({ ttlSecondsAfterFinished: 60 }, done), [], NOW).againMs).toBe(50_000);
    expect(planJob(job({ ttlSecondsAfterFinished: 10 }, done), [], NOW).expired).toBe(true);
  });
});

describe('daemons', () => {
  const set: DaemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'd', namespace: 'default', uid: 'd' },
    spec: {
      selector: {},
      template: { spec: { containers: [{ name: 'x' }] } },
      updateStrategy: { rollingUpdate: { maxUnavailable: 1 } },
    },
  };
  const daemon = (name: string, on: string, hash: string): Pod =>
    pod(name, { nodeName: on }, { labels: { 'controller-revision-hash': hash } }, ready('10.0.0.9'));

  test('replace one serving pod at a time, and come to cordoned nodes too', () => {
    const nodes = [
      node('a'),
      node('b'),
      node(
        'c',
        {},
        { unschedulable: true, taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
      ),
    ];
    const first = planDaemonSet(
      set,
      'new',
      [daemon('a', 'a', 'old'), daemon('b', 'b', 'old'), daemon('c', 'c', 'old')],
      nodes,
      NOW,
    );
    expect(first.remove).toHaveLength(1);
    expect(first.status).toMatchObject({ desiredNumberScheduled: 3, numberAvailable: 3, currentNumberScheduled: 3 });
    const second = planDaemonSet(set, 'new', [daemon('b', 'b', 'old'), daemon('c', 'c', 'old')], nodes, NOW);
    expect([second.remove.length, second.create.length]).toEqual([0, 1]);
  });

  test('leave nodes whose taints they do not tolerate', () => {
    const nodes = [node('a', {}, { taints: [{ key: 'broken', effect: 'NoExecute' }] })];
    const plan = planDaemonSet(set, 'new', [daemon('a', 'a', 'new')], nodes, NOW);
    expect([plan.remove.length, plan.status.desiredNumberScheduled]).toEqual([1, 0]);
  });
});

describe('budgets and evictions', () => {
  const budget = (spec: PodDisruptionBudget['spec'], status?: PodDisruptionBudget['status']): PodDisruptionBudget => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b', namespace: 'default', generation: 1 },
    spec,
    status,
  });
  const pods = ['a', 'b', 'c', 'd'].map((name) => pod(name, {}, {}, ready('10.0.0.1')));
  test('count percentages of what the owner wants, and granted evictions as gone', () => {
    expect(toBudgetStatus(budget({ maxUnavailable: '25%' }), pods, 4, NOW).disruptionsAllowed).toBe(1);
    expect(toBudgetStatus(budget({ minAvailable: '50%' }), pods, 4, NOW).disruptionsAllowed).toBe(2);
    const before = {
      ...toBudgetStatus(budget({ minAvailable: 3 }), pods, 4, NOW),
      disruptedPods: { a: '2030-01-01T00:00:00Z', gone: '2030-01-01T00:00:00Z' },
    };
    const after = toBudgetStatus(budget({ minAvailable: 3 }, before), pods, 4, NOW);
    expect([after.disruptionsAllowed, after.disruptedPods]).toEqual([0, { a: '2030-01-01T00:00:00Z' }]);
  });

  test('a taint evicts at once, after a time, or never', () => {
    const taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: '2029-12-31T23:59:00Z' };
    const tolerating = (tolerationSeconds?: number): Pod =>
      pod('p', { tolerations: [{ key: taint.key, operator: 'Exists', tolerationSeconds }] });
    expect(toleratedForMs(pod('p'), taint, NOW)).toBe(0);
    expect(toleratedForMs(tolerating(300), taint, NOW)).toBe(240_000);
    expect(toleratedForMs(tolerating(), taint, NOW)).toBe(Number.POSITIVE_INFINITY);
    expect(
      wantedTaints({ type: 'Ready', status: 'Unknown' }, true).map(
        ({ key, effect }) => `${key.split('/')[1]}:${effect}`,
      ),
    ).toEqual(['unschedulable:NoSchedule', 'unreachable:NoSchedule', 'unreachable:NoExecute']);
  });
});

describe('cron', () => {
  const next = (expression: string, from: string): string | undefined => {
    const at = parseCron(expression)?.next(Date.parse(from));
    return at === undefined ? undefined : new Date(at).toISOString().slice(0, 16);
  };
  test.each([
    ['*/15 * * * *', '2030-01-01T00:01:00Z', '2030-01-01T00:15'],
    ['0 9-17/4 * * mon-fri', '2030-01-05T00:00:00Z', '2030-01-07T09:00'],
    ['30 2 29 2 *', '2030-01-01T00:00:00Z', '2032-02-29T02:30'],
    ['0 0 13 * 5', '2030-01-01T00:00:00Z', '2030-01-04T00:00'],
    ['0 0 * * 7', '2030-01-01T00:00:00Z', '2030-01-06T00:00'],
    ['@hourly', '2030-01-01T00:00:00Z', '2030-01-01T01:00'],
  ])('%s after %s is %s', (expression, from, expected) => expect(next(expression, from)).toBe(expected));
  test('refuses what is no schedule', () => {
    for (const wrong of ['', '* * * *', '60 * * * *', '*/0 * * * *', 'x * * * *', '5-1 * * * *'])
      expect(parseCron(wrong)).toBeUndefined();
  });
  test('catches up with the last missed time only', () => {
    const cron = { metadata: { name: 'c', creationTimestamp: '2029-12-31T20:30:00Z' }, spec: {} } as CronJob;
    const at = lastDue(cron, parseCron('@hourly')!.next, NOW);
    expect(new Date(at!).toISOString()).toBe('2030-01-01T00:00:00.000Z');
  });
});

test('quantities and hashes', () => {
  expect(['250m', '1Gi', '1k', '2', '1e3', 'x'].map(toNumber)).toEqual([0.25, 2 ** 30, 1000, 2, 1000, 0]);
  expect(templateHash({ a: 1, b: { c: undefined } })).toBe(templateHash({ b: {}, a: 1 }));
  expect(templateHash({ a: 1 })).not.toBe(templateHash({ a: 1 }, 1));
  expect(templateHash({ a: 1 })).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]+$/);
});
