// What the applier must do, on any API server: run against the embedded one (fast) and a real one (peers).
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { KubeClient } from '#lib/kube/client.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import {
  configMaps,
  customResourceDefinitions,
  deployments,
  namespaces,
  pods,
  serviceAccounts,
  services,
} from '#lib/kube/refs.ts';
import { ApplySet, type ApplySetOptions } from '../../../clusters/existing/apply-set.ts';
import { diagnose, formatDiagnosis } from '../../../clusters/existing/diagnose.ts';
import { PART_OF } from '../../../clusters/existing/ownership.ts';
import { planRemoval, removeSet } from '../../../clusters/existing/remove.ts';
import { describePending, waitReady } from '../../../clusters/existing/wait.ts';
import type { Server } from '../local/controllers/suite.ts';

export function applierSuite(name: string, open: () => Promise<Server>): void {
  describe(name, () => {
    let server: Server;
    let client: KubeClient;
    let serial = 0;
    beforeAll(async () => {
      server = await open();
      client = server.client;
    }, 60_000);
    afterAll(() => server.close(), 60_000);

    const unique = (): string => `set${++serial}-${Date.now().toString(36)}`;
    const namespace = (of: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: of } });
    const map = (of: string, mapName: string, data: object): KubeObject =>
      ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: of, name: mapName }, data }) as KubeObject;
    function makeSet(set: string, options: Partial<ApplySetOptions> = {}): { set: ApplySet; log: string[] } {
      const log: string[] = [];
      const onProgress: ApplySetOptions['onProgress'] = ({ kind, metadata }, outcome) =>
        log.push(`${kind} ${metadata.name} ${outcome}`);
      return { set: new ApplySet({ client, name: set, onProgress, retryMs: 20_000, ...options }), log };
    }

    test('a second run changes what differs, removes what is no longer there, and nothing else', async () => {
      const of = unique();
      const first = makeSet(of);
      await first.set.apply([namespace(of), map(of, 'a', { k: '1' }), map(of, 'b', { k: '1' })]);
      await first.set.prune();
      expect(first.log.sort()).toEqual(
        ['ConfigMap a created', 'ConfigMap b created', `Namespace ${of} created`].sort(),
      );
      await client.create(configMaps, map(of, 'foreign', {}));
      const second = makeSet(of);
      await second.set.apply([namespace(of), map(of, 'a', { k: '2' })]);
      await second.set.prune();
      expect(second.log.sort()).toEqual(
        ['ConfigMap a configured', 'ConfigMap b pruned', `Namespace ${of} unchanged`].sort(),
      );
      const left = (await client.list(configMaps, { namespace: of })).items.map(({ metadata }) => metadata.name);
      expect(left).toEqual(expect.arrayContaining(['a', 'foreign']));
      expect(left).not.toContain('b');
      const live = await client.get(configMaps, { namespace: of, name: 'a' });
      expect(live.metadata.labels?.[PART_OF]).toBe(first.set.id);
      const parent = await client.get(configMaps, { namespace: 'default', name: of });
      expect(parent.metadata.labels?.['applyset.kubernetes.io/id']).toBe(first.set.id);
      expect(parent.metadata.annotations?.['applyset.kubernetes.io/contains-group-kinds']).toBe('ConfigMap,Namespace');
    });

    test('a CRD is served before its objects follow in the same run, and stays when the set goes', async () => {
      const of = unique();
      const group = `${of}.example.com`;
      const openAPIV3Schema = {
        type: 'object',
        properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      };
      const crd: KubeObject = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `things.${group}` },
        spec: {
          group,
          scope: 'Namespaced',
          names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
        },
      };
      const thing: KubeObject = {
        apiVersion: `${group}/v1`,
        kind: 'Thing',
        metadata: { namespace: of, name: 'one' },
        spec: { size: 1 },
      };
      const { set, log } = makeSet(of);
      await set.apply([crd, namespace(of), thing]);
      await set.prune();
      expect(log).toContain('Thing one created');
      const plan = await planRemoval(set, { client });
      expect(plan.keep.map(({ object, why }) => [object.kind, why])).toContainEqual([
        'CustomResourceDefinition',
        'its objects would go with it',
      ]);
      expect(plan.remove.map(({ kind }) => kind)).toEqual(['Thing', 'Namespace']);
      const purge = await planRemoval(set, { client, purge: true });
      expect(purge.remove.map(({ kind }) => kind)).toEqual(['Thing', 'CustomResourceDefinition', 'Namespace']);
      await client.delete(customResourceDefinitions, crd.metadata);
    });

    test('refuses what ArgoCD tracks and a mesh of another owner, before it writes anything', async () => {
      const of = unique();
      await client.create(namespaces, namespace(of));
      const tracked = map(of, 'tracked', {});
      tracked.metadata.annotations = { 'argocd.argoproj.io/tracking-id': `shop:/ConfigMap:${of}/tracked` };
      await client.create(configMaps, tracked);
      const objects = [map(of, 'new', {}), map(of, 'tracked', { k: '1' })];
      await expect(makeSet(of).set.apply(objects)).rejects.toThrow(
        `nothing was applied:\n  ConfigMap ${of}/tracked is tracked by ArgoCD application shop: sync it there, or pass --force`,
      );
      expect(await client.tryGet(configMaps, { namespace: of, name: 'new' })).toBeUndefined();
      await makeSet(of, { force: true }).set.apply(objects);
      expect(await client.tryGet(configMaps, { namespace: of, name: 'new' })).toBeDefined();
      const webhook: KubeObject = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: `istio-sidecar-injector-${of}` },
      };
      await makeSet(`${of}-a`).set.apply([webhook]);
      await expect(makeSet(`${of}-b`).set.apply([webhook])).rejects.toThrow(
        'belongs to another installation: pass --revision NAME',
      );
      await makeSet(`${of}-b`, { adopt: true }).set.apply([webhook]);
      await removeSet(makeSet(`${of}-b`).set, { client });
    });

    test('waits by watching, tells each change, and leaves what is not ready with its reason', async () => {
      const of = unique();
      const { set } = makeSet(of);
      const labels = { app: 'web' };
      const web: KubeObject = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { namespace: of, name: 'web' },
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
        },
      };
      const front: KubeObject = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace: of, name: 'front' },
        spec: { type: 'LoadBalancer', selector: labels, ports: [{ port: 80 }] },
      };
      const objects = [namespace(of), front, web];
      await set.apply(objects);
      const progress: string[] = [];
      const options = {
        client,
        resources: set.resources,
        onProgress: ({ kind }: KubeObject, { ready, reason }: { ready: boolean; reason: string }) =>
          progress.push(`${kind}: ${ready ? 'ready' : reason}`),
      };
      const waiting = waitReady(objects, { ...options, timeoutMs: 20_000 });
      const { metadata } = await client.get(deployments, web.metadata);
      const status = {
        observedGeneration: metadata.generation,
        replicas: 2,
        updatedReplicas: 2,
        readyReplicas: 2,
        availableReplicas: 2,
      };
      await client.patch(deployments, web.metadata, { status }, { subresource: 'status' });
      await client.patch(
        services,
        front.metadata,
        { status: { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } } },
        { subresource: 'status' },
      );
      expect(await waiting).toEqual({ ready: true, pending: [] });
      expect(progress).toEqual(expect.arrayContaining([`Namespace: ready`, 'Deployment: ready', 'Service: ready']));

      await client.patch(
        deployments,
        web.metadata,
        { status: { ...status, availableReplicas: 1 } },
        { subresource: 'status' },
      );
      const late = await waitReady(objects, { ...options, timeoutMs: 200 });
      expect(describePending(late)).toEqual([`Deployment ${of}/web: 1 of 2 pods available`]);
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: of, name: 'default' } };
      await client.create(serviceAccounts, account);
      await client.create(pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace: of, name: 'web-1', labels },
        spec: {
          automountServiceAccountToken: false,
          nodeName: 'nowhere',
          containers: [{ name: 'web', image: 'web:1' }],
        },
      } as KubeObject);
      const state = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } };
      const lastState = { terminated: { exitCode: 3, reason: 'Error' } };
      const containerStatuses = [
        { name: 'web', ready: false, restartCount: 2, image: 'web:1', imageID: '', state, lastState },
      ];
      await client.patch(
        pods,
        { namespace: of, name: 'web-1' },
        { status: { containerStatuses } },
        { subresource: 'status' },
      );
      const text = formatDiagnosis(await diagnose(client, late));
      expect(text).toBe(
        `Deployment ${of}/web: 1 of 2 pods available\n  Pod ${of}/web-1, container web: CrashLoopBackOff: back-off 10s, exit code 3`,
      );
    });

    test('down removes the set, and leaves a namespace in which others live', async () => {
      const of = unique();
      const { set } = makeSet(of);
      await set.apply([namespace(of), map(of, 'a', {})]);
      await client.create(configMaps, map(of, 'foreign', {}));
      const { plan, left } = await removeSet(set, { client, timeoutMs: 20_000 });
      expect(left).toEqual([]);
      expect(plan.keep.map(({ object, why }) => `${object.kind}: ${why}`)).toEqual([
        'Namespace: it holds ConfigMap foreign',
      ]);
      expect(await client.tryGet(configMaps, { namespace: of, name: 'a' })).toBeUndefined();
      expect(await client.tryGet(namespaces, { name: of })).toBeDefined();
    });
  });
}
