// `rig why` and `rig analyze` on a running API server.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { kinds } from '#api/registry.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { analyzeVerb } from '../../cli/analyze.ts';
import { why } from '../../cli/why.ts';
import { type EmbeddedKubernetes, startEmbeddedKubernetes } from '../harness/embedded-kubernetes.ts';

let cluster: EmbeddedKubernetes;
const post = (path: string, body: object) => cluster.client.request<KubeObject>(path, { method: 'POST', body });

const pod = (name: string, app: string, version: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app, version, 'pod-template-hash': 'abc', 'security.istio.io/tlsMode': 'istio' } },
  spec: {
    containers: [{ name: 'app', image: 'app' }],
    initContainers: [{ name: 'istio-proxy', image: 'proxy', args: ['proxy', 'sidecar'], restartPolicy: 'Always' }],
  },
});

beforeAll(async () => {
  cluster = await startEmbeddedKubernetes();
  for (const kind of kinds) await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', kind.crd());
  const core = '/api/v1/namespaces/default';
  await post(`${core}/serviceaccounts`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  }).catch(() => undefined);
  for (const [index, [name, app, version]] of (
    [
      ['web-abc-1', 'web', 'v1'],
      ['api-abc-1', 'api', 'v1'],
    ] as const
  ).entries()) {
    await post(`${core}/pods`, pod(name, app, version));
    await cluster.client.request(`${core}/pods/${name}/status`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { status: { phase: 'Running', podIP: `10.0.0.${index + 1}` } },
    });
  }
  await post(`${core}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'api' },
    spec: { selector: { app: 'api' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  });
  await post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'api-1', labels: { 'kubernetes.io/service-name': 'api' } },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['10.0.0.2'],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: 'api-abc-1', namespace: 'default' },
      },
    ],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  });
  await post('/apis/networking.istio.io/v1/namespaces/default/virtualservices', {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'api' },
    spec: {
      hosts: ['api'],
      http: [
        {
          name: 'testers',
          match: [{ headers: { 'end-user': { exact: 'jason' } } }],
          route: [{ destination: { host: 'api', subset: 'v2' } }],
        },
        { name: 'rest', route: [{ destination: { host: 'api' } }] },
      ],
    },
  });
});
afterAll(() => cluster.close());

async function ask(options: Parameters<typeof why>[2] = {}): Promise<string> {
  let text = '';
  await why('get', 'http://api/', {
    kubeconfig: cluster.kubeconfig,
    from: 'web',
    ...options,
    write: (part) => {
      text += part;
    },
  });
  return text;
}

describe('rig why', () => {
  test('names the rules that were tried, the one that decided, and the endpoint', async () => {
    const text = await ask();
    expect(text).toContain('GET http://api/ from default/web');
    expect(text).toContain(
      'rule "testers" of VirtualService default/api did not match: header end-user is "jason", but is absent',
    );
    expect(text).toContain('rule "rest" of VirtualService default/api matched');
    expect(text).toContain(
      '100 % reaches api v1 (api-abc-1 10.0.0.2:8080) by mutual TLS, cluster outbound|80||api.default.svc.cluster.local',
    );
  });
  test('says what refuses a request', async () => {
    expect(await ask({ header: ['End-User: jason'] })).toContain('no DestinationRule of api has a subset "v2"');
  });
  test('speaks JSON', async () => {
    expect(JSON.parse(await ask({ output: 'json' }))).toMatchObject({
      outcomes: [{ share: 1, service: 'api.default.svc.cluster.local', version: 'v1' }],
    });
  });
  test('an unknown workload and a bad header are named', async () => {
    await expect(ask({ from: 'wbe' })).rejects.toThrow('did you mean web?');
    await expect(ask({ header: ['nonsense'] })).rejects.toThrow("must be 'Name: value'");
  });
});

test('rig analyze finds the unknown subset in the running environment', async () => {
  let text = '';
  const code = await analyzeVerb([], {
    kubeconfig: cluster.kubeconfig,
    outputThreshold: 'Error',
    write: (part) => {
      text += part;
    },
  });
  expect(text).toBe(
    'Error [IST0101] (VirtualService default/api) Referenced host+subset in destinationrule not found: "api+v2"\n',
  );
  expect(code).toBe(79);
});
