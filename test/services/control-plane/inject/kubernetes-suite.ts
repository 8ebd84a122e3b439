// The injection webhook called by an API server, any, with the configuration that the mesh ships: every golden pod is
// accepted with its proxy, and what the author got wrong comes back in the API's own error.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type KubeClient, type KubeObject, refs } from '#lib/kube/index.ts';
import { parse } from 'yaml';
import { defaultMeshSettings, toMeshConfig } from '../../../../constructs/mesh/mesh-settings.ts';
import { injectorConfig, injectorValues } from '../../../../constructs/mesh/sidecar-injector.ts';
import { toYamlText } from '../../../../constructs/mesh/yaml-text.ts';
import { createInjectHandler } from '../../../../services/control-plane/inject/handler.ts';
import { parseInjectionConfig } from '../../../../services/control-plane/inject/inject-review.ts';
import { type CaServer, startCaServer } from '../../../harness/ca-server.ts';

type PodObject = KubeObject & {
  spec: { containers: { name: string }[]; initContainers?: { name: string; restartPolicy?: string }[] };
};

const golden = join(import.meta.dirname, '../../../golden/inject');
const cases = readdirSync(golden, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const config = parseInjectionConfig({
  injectorConfigYaml: toYamlText(injectorConfig()),
  valuesJson: JSON.stringify(injectorValues(defaultMeshSettings)),
  meshConfigYaml: toYamlText(toMeshConfig(defaultMeshSettings)),
});

/** @param open starts an API server with the namespaces of a new cluster */
export function injectionSuite(
  name: string,
  open: () => Promise<{ readonly client: KubeClient; close(): Promise<void> }>,
): void {
  describe(name, () => {
    let api: { readonly client: KubeClient; close(): Promise<void> };
    let ca: CaServer;
    let server: Server;

    beforeAll(async () => {
      [api, ca] = await Promise.all([open(), startCaServer()]);
      const handle = createInjectHandler({ config: () => config });
      const { certificateChainPem, privateKey } = await ca.ca.serverCertificate(['localhost']);
      server = createServer({ cert: certificateChainPem, key: privateKey.reveal() }, (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const call = {
            path: request.url ?? '',
            contentType: request.headers['content-type'],
            body: Buffer.concat(chunks),
          };
          void handle(call).then(({ status, contentType, body }) =>
            response.writeHead(status, { 'content-type': contentType }).end(body),
          );
        });
      });
      await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
      const url = `https://localhost:${(server.address() as AddressInfo).port}/inject/cluster/west`;
      for (const name of ['shop', 'edge'])
        await api.client.create(refs.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      for (const namespace of ['default', 'shop', 'edge']) {
        for (const name of ['default', 'bookinfo-reviews']) {
          await api.client.create(refs.serviceAccounts, {
            apiVersion: 'v1',
            kind: 'ServiceAccount',
            metadata: { name, namespace },
          });
        }
      }
      await api.client.create(refs.mutatingWebhookConfigurations, {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: 'istio-sidecar-injector' },
        webhooks: [
          {
            name: 'namespace.sidecar-injector.istio.io',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            failurePolicy: 'Fail',
            clientConfig: { url, caBundle: Buffer.from(ca.ca.rootCertPem).toString('base64') },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
          },
        ],
      } as KubeObject);
      // Webhook configurations reach the server's own cache a moment after they are written.
      const deadline = Date.now() + 20_000;
      for (;;) {
        const pod = await create(
          { metadata: { name: 'probe', namespace: 'default' }, spec: { containers: [{ name: 'a', image: 'a' }] } },
          true,
        );
        if (pod.metadata.annotations?.['sidecar.istio.io/status'] !== undefined) break;
        if (Date.now() > deadline) throw new Error('the webhook is not called within 20 s');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }, 120_000);
    afterAll(async () => {
      await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve).closeAllConnections()));
      ca?.stop();
      await api?.close();
    }, 60_000);

    const create = (pod: object, dryRun = false): Promise<PodObject> =>
      api.client.create(refs.pods, { apiVersion: 'v1', kind: 'Pod', ...pod } as unknown as PodObject, {
        dryRun,
        fieldValidation: 'Strict',
      });

    test.each(cases)('%s', async (each) => {
      const pod = parse(readFileSync(join(golden, each, 'in.yaml'), 'utf8')) as PodObject;
      const created = await create(pod);
      const containers = [...created.spec.containers, ...(created.spec.initContainers ?? [])];
      expect(containers.filter((container) => container.name === 'istio-proxy')).toHaveLength(1);
      expect(created.metadata.labels).toHaveProperty(['service.istio.io/canonical-name']);
      expect(JSON.stringify(containers)).toContain('"name":"ISTIO_META_CLUSTER_ID","value":"west"');
    });

    test('a wrong annotation comes back in the API’s error', async () => {
      const annotations = { 'traffic.sidecar.istio.io/excludeOutboundPorts': 'http' };
      const pod = {
        metadata: { name: 'wrong', namespace: 'default', annotations },
        spec: { containers: [{ name: 'a', image: 'a' }] },
      };
      await expect(create(pod)).rejects.toThrow(
        /denied the request: injection failed: annotation traffic\.sidecar\.istio\.io\/excludeOutboundPorts is "http"; a port/,
      );
    });
  });
}
