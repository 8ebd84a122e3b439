// What the controllers must do, on any API server: run against the embedded one (fast) and a real one (peers).
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { KubeClient } from '#lib/kube/client.ts';
import { isNotFound, isTooManyRequests } from '#lib/kube/errors.ts';
import type { Lease } from '#lib/kube/lease.ts';
import type { KubeObject, ResourceRef } from '#lib/kube/object.ts';
import * as refs from '#lib/kube/refs.ts';
import type {
  ConfigMap,
  ControllerRevision,
  DaemonSet,
  Deployment,
  Endpoints,
  EndpointSlice,
  Job,
  Namespace,
  Node,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  Service,
  StatefulSet,
} from '../../../../clusters/local/controllers/objects.ts';
import { findCondition, isPodReady } from '../../../../clusters/local/controllers/pod-state.ts';
import { runControllers } from '../../../../clusters/local/controllers/run.ts';
import { FakeKubelet, OUTCOME } from './fake-kubelet.ts';
import { Recording } from './recording.ts';

export interface Server {
  readonly client: KubeClient;
  close(): Promise<void>;
}

const REV = 'deployment.kubernetes.io/revision';

export function controllerSuite(name: string, open: () => Promise<Server>): void {
  describe(name, () => {
    const stop = new AbortController();
    const log: string[] = [];
    let server: Server;
    let client: KubeClient;
    let kubelet: FakeKubelet;
    let serial = 0;
    beforeAll(async () => {
      server = await open();
      client = server.client;
      kubelet = new FakeKubelet(client, stop.signal);
      await kubelet.addNode('node-a', { zone: 'a' });
      await kubelet.addNode('node-b', { zone: 'b' });
      await runControllers({ client, signal: stop.signal, nodeGraceMs: 2_000, log: (line) => log.push(line) });
    }, 60_000);
    afterAll(async () => {
      stop.abort();
      await server.close();
    }, 60_000);

    async function makeNamespace(): Promise<string> {
      const namespace = `t${++serial}-${Date.now().toString(36)}`;
      const accounts = watch<KubeObject>(refs.serviceAccounts, namespace);
      await client.create(refs.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await accounts.until('default service account', (list) =>
        list.some(({ metadata }) => metadata.name === 'default'),
      );
      return namespace;
    }
    function watch<T extends KubeObject>(ref: ResourceRef, namespace?: string): Recording<T> {
      return new Recording<T>(client, ref, namespace, stop.signal);
    }
    const deployment = (namespace: string, spec: Partial<Deployment['spec']> = {}, image = 'web:1'): Deployment => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
        ...spec,
      },
    });
    const isRolledOut = ({ metadata, spec, status }: Deployment): boolean =>
      (status?.observedGeneration ?? 0) >= metadata.generation! &&
      (status?.updatedReplicas ?? 0) === spec.replicas &&
      (status?.replicas ?? 0) === spec.replicas &&
      (status?.availableReplicas ?? 0) === spec.replicas;
    const setImage = (namespace: string, image: string, annotations: Record<string, string> = {}) => ({
      patch: { spec: { template: { metadata: { annotations }, spec: { containers: [{ name: 'web', image }] } } } },
      key: { namespace, name: 'web' },
    });
    const byRevision = (sets: ReplicaSet[], revision: string): ReplicaSet | undefined =>
      sets.find(({ metadata }) => metadata.annotations?.[REV] === revision);

    test('a namespace gets its service account and root CA, and goes with all it holds', async () => {
      const namespace = await makeNamespace();
      const maps = watch<ConfigMap>(refs.configMaps, namespace);
      await maps.until('root CA', (list) =>
        list.some((map) => map.metadata.name === 'kube-root-ca.crt' && map.data?.['ca.crt'] !== undefined),
      );
      await client.delete(refs.configMaps, { namespace, name: 'kube-root-ca.crt' });
      await maps.until('root CA restored', (list) => list.some((map) => map.metadata.name === 'kube-root-ca.crt'));
      await client.create(refs.deployments, deployment(namespace));
      const podList = watch<Pod>(refs.pods, namespace);
      await podList.until('three ready pods', (list) => list.filter(isPodReady).length === 3);
      const namespaces = watch<Namespace>(refs.namespaces);
      await client.delete(refs.namespaces, { name: namespace });
      await namespaces.until('gone', (list) => !list.some(({ metadata }) => metadata.name === namespace));
      expect((await client.list(refs.pods, { namespace })).items).toEqual([]);
      expect((await client.list(refs.configMaps, { namespace })).items).toEqual([]);
    });

    test('a Deployment becomes a numbered ReplicaSet, bound pods and endpoints', async () => {
      const namespace = await makeNamespace();
      const deployments = watch<Deployment>(refs.deployments, namespace);
      const slices = watch<EndpointSlice>(refs.endpointSlices, namespace);
      const service: Service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace },
        spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'web' }] },
      };
      await client.create(refs.services, service);
      const wanted = deployment(namespace);
      wanted.spec.template.spec.containers[0]!.ports = [{ name: 'web', containerPort: 8080 }];
      await client.create(refs.deployments, wanted);
      await deployments.until('rolled out', ([web]) => web !== undefined && isRolledOut(web));
      const [web] = deployments.list();
      expect(web!.metadata.annotations?.[REV]).toBe('1');
      await deployments.until(
        'conditions',
        ([now]) => findCondition(now!.status?.conditions, 'Progressing')?.reason === 'NewReplicaSetAvailable',
      );
      expect(findCondition(deployments.list()[0]!.status?.conditions, 'Available')?.status).toBe('True');
      const { items: sets } = await client.list<ReplicaSet>(refs.replicaSets, { namespace });
      expect(sets).toHaveLength(1);
      const hash = sets[0]!.metadata.labels?.['pod-template-hash'];
      expect(sets[0]!.metadata.name).toBe(`web-${hash}`);
      const { items: podList } = await client.list<Pod>(refs.pods, { namespace });
      expect(podList.map(({ metadata }) => metadata.labels)).toEqual(
        Array(3).fill({ app: 'web', 'pod-template-hash': hash }),
      );
      expect(new Set(podList.map(({ spec }) => spec.nodeName))).toEqual(new Set(['node-a', 'node-b']));
      await slices.until(
        'three ready endpoints',
        ([slice]) => (slice?.endpoints ?? []).filter((each) => each.conditions?.ready).length === 3,
      );
      const [slice] = slices.list();
      expect(slice!.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }]);
      expect(slice!.metadata.labels).toMatchObject({ 'kubernetes.io/service-name': 'web' });
      const addresses = slice!.endpoints!.flatMap(({ addresses: list }) => list).sort();
      expect(addresses).toEqual(podList.map(({ status }) => status!.podIP!).sort());
      const mirror = watch<Endpoints>(refs.endpoints, namespace);
      await mirror.until('Endpoints', ([each]) => each?.subsets?.[0]?.addresses?.length === 3);

      const pod = podList[0]!;
      await client.patch(refs.pods, pod.metadata, { metadata: { annotations: { [OUTCOME]: 'unready' } } });
      await slices.until(
        'one not ready',
        ([each]) => (each?.endpoints ?? []).filter(({ conditions }) => conditions?.ready).length === 2,
      );
      await client.delete(refs.pods, pod.metadata);
      await slices.until('replaced', ([each]) => {
        const ready = (each?.endpoints ?? []).filter(({ conditions }) => conditions?.ready);
        return ready.length === 3 && !ready.some(({ targetRef }) => targetRef?.name === pod.metadata.name);
      });
      await client.delete(refs.services, { namespace, name: 'web' });
      await slices.until('slices gone', (list) => list.length === 0);
      await mirror.until('Endpoints gone', (list) => list.length === 0);
    });

    test('a rolling update never leaves its bounds, and can be undone', async () => {
      const namespace = await makeNamespace();
      const deployments = watch<Deployment>(refs.deployments, namespace);
      const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } };
      await client.create(refs.deployments, deployment(namespace, { replicas: 8, strategy }));
      await deployments.until('first', ([web]) => web !== undefined && isRolledOut(web));
      const recording = watch<Pod>(refs.pods, namespace);
      await recording.synced;
      const from = recording.pictures.length;
      const next = setImage(namespace, 'web:2');
      await client.patch(refs.deployments, next.key, next.patch, { type: 'strategic' });
      await deployments.until('second', ([web]) => web?.metadata.annotations?.[REV] === '2' && isRolledOut(web));
      const marker: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'marker', namespace },
        spec: { schedulerName: 'nobody', containers: [{ name: 'none', image: 'none' }] },
      };
      await client.create(refs.pods, marker);
      await recording.until('marker', (list) => list.some(({ metadata }) => metadata.name === 'marker'));
      const alive = recording.pictures
        .slice(from)
        .map((list) => list.filter(({ metadata }) => !metadata.deletionTimestamp && metadata.name !== 'marker'));
      expect(Math.max(...alive.map(({ length }) => length))).toBeLessThanOrEqual(10);
      expect(Math.min(...alive.map((list) => list.filter(isPodReady).length))).toBeGreaterThanOrEqual(7);
      expect(
        recording
          .list()
          .filter(isPodReady)
          .every(({ spec }) => spec.containers[0]!.image === 'web:2'),
      ).toBe(true);

      const back = setImage(namespace, 'web:1');
      await client.patch(refs.deployments, back.key, back.patch, { type: 'strategic' });
      await deployments.until('undone', ([web]) => web?.metadata.annotations?.[REV] === '3' && isRolledOut(web));
      const { items } = await client.list<ReplicaSet>(refs.replicaSets, { namespace });
      expect(items).toHaveLength(2);
      expect(byRevision(items, '3')?.spec.template.spec.containers[0]?.image).toBe('web:1');
      expect(byRevision(items, '3')?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1');
    });

    test('a rollout that cannot become ready stops, keeps the old pods, and says so at its deadline', async () => {
      const namespace = await makeNamespace();
      const deployments = watch<Deployment>(refs.deployments, namespace);
      await client.create(refs.deployments, deployment(namespace, { progressDeadlineSeconds: 2, minReadySeconds: 0 }));
      await deployments.until('first', ([web]) => web !== undefined && isRolledOut(web));
      const broken = setImage(namespace, 'web:broken', { [OUTCOME]: 'unready' });
      await client.patch(refs.deployments, broken.key, broken.patch, { type: 'strategic' });
      const reason = (web: Deployment | undefined) => findCondition(web?.status?.conditions, 'Progressing')?.reason;
      await deployments.until('deadline', ([web]) => reason(web) === 'ProgressDeadlineExceeded');
      const [web] = deployments.list();
      expect(web!.status?.availableReplicas).toBe(3);
      expect(findCondition(web!.status?.conditions, 'Available')?.status).toBe('True');
    });

    test('a paused Deployment scales but does not roll; Recreate has never two versions', async () => {
      const namespace = await makeNamespace();
      const deployments = watch<Deployment>(refs.deployments, namespace);
      const sets = watch<ReplicaSet>(refs.replicaSets, namespace);
      await client.create(refs.deployments, deployment(namespace, { replicas: 2, strategy: { type: 'Recreate' } }));
      await deployments.until('first', ([web]) => web !== undefined && isRolledOut(web));
      const key = { namespace, name: 'web' };
      await client.patch(refs.deployments, key, { spec: { paused: true } });
      const next = setImage(namespace, 'web:2');
      await client.patch(refs.deployments, key, next.patch, { type: 'strategic' });
      const scaled = await client.patch<Deployment>(refs.deployments, key, { spec: { replicas: 4 } });
      await deployments.until(
        'scaled',
        ([web]) => web?.status?.availableReplicas === 4 && web.status.observedGeneration === scaled.metadata.generation,
      );
      expect(sets.list()).toHaveLength(1);
      const recording = watch<Pod>(refs.pods, namespace);
      await recording.synced;
      await client.patch(refs.deployments, key, { spec: { paused: false } });
      await deployments.until('rolled', ([web]) => web?.metadata.annotations?.[REV] === '2' && isRolledOut(web));
      await recording.until(
        'new pods',
        (list) => list.length === 4 && list.every((pod) => pod.spec.containers[0]!.image === 'web:2'),
      );
      for (const picture of recording.pictures) {
        expect(new Set(picture.map((pod) => pod.spec.containers[0]!.image)).size).toBeLessThanOrEqual(1);
      }
    });

    test('deletion: in the background, in the foreground, and leaving orphans', async () => {
      const namespace = await makeNamespace();
      const deployments = watch<Deployment>(refs.deployments, namespace);
      const sets = watch<ReplicaSet>(refs.replicaSets, namespace);
      const podList = watch<Pod>(refs.pods, namespace);
      const key = { namespace, name: 'web' };
      const up = async (): Promise<void> => {
        await client.create(refs.deployments, deployment(namespace, { replicas: 2 }));
        await deployments.until('up', ([web]) => web !== undefined && isRolledOut(web));
      };
      await up();
      await client.delete(refs.deployments, key, { propagationPolicy: 'Background' });
      await podList.until('pods gone', (list) => list.length === 0);
      await sets.until('sets gone', (list) => list.length === 0);
      await up();
      await client.delete(refs.deployments, key, { propagationPolicy: 'Foreground' });
      await deployments.until('deployment gone', (list) => list.length === 0);
      expect((await client.list(refs.replicaSets, { namespace })).items).toEqual([]);
      await podList.until('pods gone again', (list) => list.length === 0);
      await up();
      await client.delete(refs.deployments, key, { propagationPolicy: 'Orphan' });
      await deployments.until('deployment gone again', (list) => list.length === 0);
      const { items } = await client.list<ReplicaSet>(refs.replicaSets, { namespace });
      expect(items.map(({ metadata }) => metadata.ownerReferences ?? [])).toEqual([[]]);
      expect((await client.list(refs.pods, { namespace })).items).toHaveLength(2);
      // The next Deployment of the same selector and template takes the orphan over.
      await up();
      expect(
        (await client.list<ReplicaSet>(refs.replicaSets, { namespace })).items.map(({ metadata }) => metadata.uid),
      ).toEqual([items[0]!.metadata.uid]);
    });

    test('Jobs complete, fail at their limit, and clean up after their time', async () => {
      const namespace = await makeNamespace();
      const jobs = watch<Job>(refs.jobs, namespace);
      const job = (jobName: string, outcome: string, spec: Partial<Job['spec']>): Job => ({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: jobName, namespace },
        spec: {
          template: {
            metadata: { annotations: { [OUTCOME]: outcome } },
            spec: { restartPolicy: 'Never', containers: [{ name: 'run', image: 'run:1' }] },
          },
          ...spec,
        },
      });
      await client.create(refs.jobs, job('good', 'succeed', { completions: 3, parallelism: 2 }));
      await client.create(refs.jobs, job('bad', 'fail', { backoffLimit: 0 }));
      const done = (list: Job[], jobName: string, type: string): boolean =>
        findCondition(list.find(({ metadata }) => metadata.name === jobName)?.status?.conditions, type)?.status ===
        'True';
      await jobs.until('good complete', (list) => done(list, 'good', 'Complete'));
      await jobs.until('bad failed', (list) => done(list, 'bad', 'Failed'));
      expect(jobs.get({ namespace, name: 'good' })?.status).toMatchObject({ succeeded: 3 });
      expect(findCondition(jobs.get({ namespace, name: 'bad' })?.status?.conditions, 'Failed')?.reason).toBe(
        'BackoffLimitExceeded',
      );
      await client.create(refs.jobs, job('brief', 'succeed', { ttlSecondsAfterFinished: 1 }));
      await jobs.until('brief there', (list) => list.some(({ metadata }) => metadata.name === 'brief'));
      await jobs.until('brief gone', (list) => !list.some(({ metadata }) => metadata.name === 'brief'));
    });

    test('a pod that fits nowhere says why, and is bound once a node fits', async () => {
      const namespace = await makeNamespace();
      const podList = watch<Pod>(refs.pods, namespace);
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'picky', namespace },
        spec: { nodeSelector: { disk: namespace }, containers: [{ name: 'web', image: 'web:1' }] },
      };
      await client.create(refs.pods, pod);
      const scheduled = (each: Pod | undefined) => findCondition(each?.status?.conditions, 'PodScheduled');
      await podList.until('unschedulable', ([each]) => scheduled(each)?.reason === 'Unschedulable');
      expect(scheduled(podList.list()[0])?.message).toMatch(
        /^0\/2 nodes are available: 2 node\(s\) didn't match Pod's node affinity\/selector/,
      );
      await client.patch(refs.nodes, { name: 'node-b' }, { metadata: { labels: { disk: namespace } } });
      await podList.until('bound', ([each]) => each?.spec.nodeName === 'node-b' && isPodReady(each));
    });

    test('a DaemonSet runs on every fitting node and rolls one by one', async () => {
      const namespace = await makeNamespace();
      const sets = watch<DaemonSet>(refs.daemonSets, namespace);
      const podList = watch<Pod>(refs.pods, namespace);
      const set: DaemonSet = {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'agent', namespace },
        spec: {
          selector: { matchLabels: { app: 'agent' } },
          template: {
            metadata: { labels: { app: 'agent' } },
            spec: { containers: [{ name: 'web', image: 'agent:1' }] },
          },
        },
      };
      await client.create(refs.daemonSets, set);
      const isDone = ({ metadata, status }: DaemonSet, desired: number): boolean =>
        status?.observedGeneration === metadata.generation &&
        status?.desiredNumberScheduled === desired &&
        status.updatedNumberScheduled === desired &&
        status.numberAvailable === desired;
      await sets.until('on both nodes', ([each]) => each !== undefined && isDone(each, 2));
      expect(new Set(podList.list().map(({ spec }) => spec.nodeName))).toEqual(new Set(['node-a', 'node-b']));
      const patch = { spec: { template: { spec: { containers: [{ name: 'web', image: 'agent:2' }] } } } };
      const key = { namespace, name: 'agent' };
      await client.patch(refs.daemonSets, key, patch, { type: 'strategic' });
      await sets.until('rolled', ([each]) => each !== undefined && each.metadata.generation === 2 && isDone(each, 2));
      await podList.until('new pods only', (list) => list.every(({ spec }) => spec.containers[0]!.image === 'agent:2'));
      const { items } = await client.list<ControllerRevision>(refs.controllerRevisions, { namespace });
      expect(items.map(({ revision }) => revision).sort()).toEqual([1, 2]);
      await kubelet.addNode('node-c');
      await sets.until('on the new node', ([each]) => each !== undefined && isDone(each, 3));
      await client.delete(refs.nodes, { name: 'node-c' });
      await sets.until('without it', ([each]) => each !== undefined && isDone(each, 2));
      await podList.until('its pod is gone', (list) => list.length === 2);
    });

    test('a StatefulSet grows in order, updates from the top, and shrinks from the top', async () => {
      const namespace = await makeNamespace();
      const sets = watch<StatefulSet>(refs.statefulSets, namespace);
      const podList = watch<Pod>(refs.pods, namespace);
      await podList.synced;
      const set: StatefulSet = {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db', namespace },
        spec: {
          replicas: 3,
          serviceName: 'db',
          selector: { matchLabels: { app: 'db' } },
          template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'web', image: 'db:1' }] } },
        },
      };
      await client.create(refs.statefulSets, set);
      const isDone = ({ metadata, spec, status }: StatefulSet): boolean =>
        status?.observedGeneration === metadata.generation &&
        status?.updatedReplicas === spec.replicas &&
        status?.readyReplicas === spec.replicas &&
        status?.replicas === spec.replicas &&
        status?.currentRevision === status?.updateRevision;
      await sets.until('three', ([each]) => each !== undefined && isDone(each));
      expect(
        podList
          .list()
          .map(({ metadata }) => metadata.name)
          .sort(),
      ).toEqual(['db-0', 'db-1', 'db-2']);
      for (const picture of podList.pictures) {
        const ready = new Set(picture.filter(isPodReady).map(({ metadata }) => metadata.name));
        if (picture.some(({ metadata }) => metadata.name === 'db-2'))
          expect([...ready]).toEqual(expect.arrayContaining(['db-0', 'db-1']));
      }
      const key = { namespace, name: 'db' };
      const patch = { spec: { template: { spec: { containers: [{ name: 'web', image: 'db:2' }] } } } };
      await client.patch(refs.statefulSets, key, patch, { type: 'strategic' });
      await sets.until('updated', ([each]) => each !== undefined && each.metadata.generation === 2 && isDone(each));
      for (const picture of podList.pictures) {
        const image = (name: string) =>
          picture.find(({ metadata }) => metadata.name === name)?.spec.containers[0]?.image;
        if (image('db-0') === 'db:2') expect([image('db-1'), image('db-2')]).toEqual(['db:2', 'db:2']);
      }
      await client.patch(refs.statefulSets, key, { spec: { replicas: 1 } });
      await podList.until('one left', (list) => list.length === 1 && list[0]!.metadata.name === 'db-0');
    });

    test('a PodDisruptionBudget counts what may go', async () => {
      const namespace = await makeNamespace();
      const budgets = watch<PodDisruptionBudget>(refs.podDisruptionBudgets, namespace);
      const budget: PodDisruptionBudget = {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'web', namespace },
        spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
      };
      await client.create(refs.podDisruptionBudgets, budget);
      await client.create(refs.deployments, deployment(namespace));
      const podList = watch<Pod>(refs.pods, namespace);
      await podList.until('three ready', (list) => list.filter(isPodReady).length === 3);
      await budgets.until(
        'one may go',
        ([each]) => each?.status?.disruptionsAllowed === 1 && each.status.currentHealthy === 3,
      );
      expect(budgets.list()[0]!.status).toMatchObject({ desiredHealthy: 2, expectedPods: 3 });
    });

    test('an eviction respects the budget, and a drained node ends empty', async () => {
      const namespace = await makeNamespace();
      const podList = watch<Pod>(refs.pods, namespace);
      const budgets = watch<PodDisruptionBudget>(refs.podDisruptionBudgets, namespace);
      await client.create(refs.podDisruptionBudgets, {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'web', namespace },
        spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } },
      });
      await client.create(refs.deployments, deployment(namespace, { replicas: 4 }));
      await podList.until('four ready', (list) => list.filter(isPodReady).length === 4);
      await budgets.until('one may go', ([each]) => each?.status?.disruptionsAllowed === 1);
      await client.patch(refs.nodes, { name: 'node-a' }, { spec: { unschedulable: true } });
      const onNode = (): Pod[] =>
        podList.list().filter(({ spec, metadata }) => spec.nodeName === 'node-a' && !metadata.deletionTimestamp);
      const from = podList.pictures.length;
      while (onNode().length > 0) {
        const { metadata } = onNode()[0]!;
        const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: metadata.name, namespace } };
        try {
          await client.create(refs.pods, eviction, { subresource: 'eviction' });
          await podList.until(
            'it goes',
            (list) => !list.some((pod) => pod.metadata.uid === metadata.uid && !pod.metadata.deletionTimestamp),
          );
        } catch (error) {
          if (!isTooManyRequests(error) && !isNotFound(error)) throw error;
          await budgets.until('the next may go', ([each]) => (each?.status?.disruptionsAllowed ?? 0) > 0);
        }
      }
      await podList.until(
        'four on the other node',
        (list) => list.filter((pod) => isPodReady(pod) && pod.spec.nodeName === 'node-b').length === 4,
      );
      const ready = podList.pictures
        .slice(from)
        .map((list) => list.filter((pod) => isPodReady(pod) && !pod.metadata.deletionTimestamp).length);
      expect(Math.min(...ready)).toBeGreaterThanOrEqual(3);
      await client.patch(refs.nodes, { name: 'node-a' }, { spec: { unschedulable: false } });
    });

    test('a node that falls silent is tainted, and its pods are made elsewhere', async () => {
      const namespace = await makeNamespace();
      const nodeList = watch<Node>(refs.nodes);
      const podList = watch<Pod>(refs.pods, namespace);
      await kubelet.addNode('node-lost', { lost: namespace });
      const lease: Lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'node-lost', namespace: 'kube-node-lease' },
        spec: {
          holderIdentity: 'node-lost',
          leaseDurationSeconds: 40,
          renewTime: new Date().toISOString().replace('Z', '000Z'),
        },
      };
      const preference = { matchExpressions: [{ key: 'lost', operator: 'In', values: [namespace] }] };
      const affinity = {
        nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference }] },
      };
      const tolerations = [
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 },
      ];
      const wanted = deployment(namespace, { replicas: 1 });
      Object.assign(wanted.spec.template.spec, { affinity, tolerations });
      await client.create(refs.deployments, wanted);
      await podList.until('on the node', (list) => list.some((pod) => pod.spec.nodeName === 'node-lost'));
      kubelet.fallSilent('node-lost');
      // From its first lease on it is expected to report, and it never will.
      await client.create(refs.leases, lease);
      await nodeList.until('tainted', (list) => {
        const taints = list.find(({ metadata }) => metadata.name === 'node-lost')?.spec?.taints ?? [];
        return ['NoSchedule', 'NoExecute'].every((effect) =>
          taints.some((taint) => taint.key === 'node.kubernetes.io/unreachable' && taint.effect === effect),
        );
      });
      await podList.until('ready elsewhere', (list) =>
        list.some((pod) => pod.spec.nodeName !== 'node-lost' && isPodReady(pod)),
      );
      await client.delete(refs.nodes, { name: 'node-lost' });
      await podList.until('the lost pod is given up', (list) => list.every((pod) => pod.spec.nodeName !== 'node-lost'));
    });

    test('Endpoints written by hand become slices', async () => {
      const namespace = await makeNamespace();
      const slices = watch<EndpointSlice>(refs.endpointSlices, namespace);
      const service: Service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'outside', namespace },
        spec: { ports: [{ port: 80 }] },
      };
      await client.create(refs.services, service);
      const written: Endpoints = {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: 'outside', namespace },
        subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 8080 }] }],
      };
      await client.create(refs.endpoints, written);
      await slices.until(
        'mirrored',
        ([slice]) => slice?.endpoints?.[0]?.addresses[0] === '192.0.2.1' && slice.ports?.[0]?.port === 8080,
      );
      await client.patch(refs.endpoints, written.metadata, {
        subsets: [{ addresses: [{ ip: '192.0.2.2' }], ports: [{ port: 8080 }] }],
      });
      await slices.until('changed', ([slice]) => slice?.endpoints?.[0]?.addresses[0] === '192.0.2.2');
      await client.delete(refs.endpoints, written.metadata);
      await slices.until('gone', (list) => list.length === 0);
    });

    test('nothing was logged as going wrong', () => {
      expect(log).toEqual([]);
    });
  });
}
