// Everything that the program synthesises, applied to a real kube-apiserver with strict field validation, twice.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isNotFound } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import program from '../../../apps/platform.ts';
import { ResourceMap } from '../../../clusters/existing/resource-map.ts';
import { tryBuiltInEnvironment } from '../../../constructs/index.ts';
import { type RealKubernetes, startRealKubernetes, whyNoRealKubernetes } from '../../harness/real-kubernetes.ts';

const why = whyNoRealKubernetes();

/** Last, and only as a dry run: their Service is not there, and nobody may look for it. */
const isWebhook = (object: KubeObject): boolean => object.kind.endsWith('WebhookConfiguration');

if (why) {
  describe('synthesised manifests on a real API server', () => {
    test.skip(`skipped: ${why}`, () => undefined);
  });
} else {
  describe('synthesised manifests on a real API server', () => {
    let kubernetes: RealKubernetes;
    beforeAll(async () => {
      kubernetes = await startRealKubernetes();
    }, 90_000);
    afterAll(() => kubernetes.close(), 60_000);

    test('are accepted as they are, and applying them again changes nothing', async () => {
      const { client } = kubernetes;
      const resources = new ResourceMap(client);
      const objects = program({
        ...tryBuiltInEnvironment('local')!,
        egressGateway: true,
      }).objects() as unknown as KubeObject[];
      const apply = async (object: KubeObject): Promise<KubeObject> =>
        client.apply(await resources.find(object), object, {
          fieldManager: 'rigging',
          fieldValidation: 'Strict',
          dryRun: isWebhook(object),
          force: true,
        });
      const served = async (object: KubeObject): Promise<void> => {
        const [group, version] = object.apiVersion.split('/');
        if (!group?.endsWith('.istio.io')) return;
        // A definition is served a moment after it was accepted.
        for (const deadline = Date.now() + 20_000; ; ) {
          try {
            await client.request(`/apis/${group}/${version}`, {});
            if (await resources.tryFind(object)) return;
          } catch (error) {
            if (!isNotFound(error)) throw error;
          }
          if (Date.now() > deadline) throw new Error(`${object.apiVersion} ${object.kind} is not served`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      const versions = new Map<string, string | undefined>();
      for (const object of objects) {
        await served(object);
        const stored = await apply(object);
        versions.set(`${object.kind} ${object.metadata.name}`, stored.metadata.resourceVersion);
      }
      for (const object of objects) {
        if (isWebhook(object) || object.kind === 'CustomResourceDefinition') continue;
        const stored = await apply(object);
        const id = `${object.kind} ${object.metadata.name}`;
        expect({ id, version: stored.metadata.resourceVersion }).toEqual({ id, version: versions.get(id) });
      }
    }, 120_000);
  });
}
