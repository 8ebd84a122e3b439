import { describe, expect, test } from '@jest/globals';
import { ApiObject, App, Chart, JsonPatch, Testing } from 'cdk8s';
import { EnvValue } from 'cdk8s-plus-28';
import { HeaderRoute, MeshNamespace, MeshService, objectsOf } from '../../../constructs/index.ts';

const chartOf = (namespace?: string): Chart =>
  new Chart(Testing.app(), 'shop', namespace === undefined ? {} : { namespace });

interface Found {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly spec?: Record<string, unknown>;
}
const synth = (chart: Chart): Found[] => Testing.synth(chart) as Found[];

describe('MeshService', () => {
  test('makes a Service, a ServiceAccount and a Deployment for each version, with readable names', () => {
    const chart = chartOf('default');
    new MeshService(chart, 'reviews', { port: 9080, versions: { v2: 'r:2', v1: 'r:1' } });
    expect(synth(chart).map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'ServiceAccount default/reviews',
      'Service default/reviews',
      'Deployment default/reviews-v1',
      'Deployment default/reviews-v2',
    ]);
  });

  test('writes nothing that nobody asked for', () => {
    const chart = chartOf('default');
    new MeshService(chart, 'web', { port: 80, versions: { v1: { image: 'w:1', env: { A: 'b' } } }, readiness: false });
    const labels = { app: 'web', 'app.kubernetes.io/name': 'web', 'app.kubernetes.io/version': 'v1', version: 'v1' };
    expect(synth(chart).find((each) => each.kind === 'Deployment')?.spec).toEqual({
      replicas: 1,
      selector: { matchLabels: { app: 'web', version: 'v1' } },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: 'web',
          containers: [
            {
              name: 'web',
              image: 'w:1',
              imagePullPolicy: 'IfNotPresent',
              env: [{ name: 'A', value: 'b' }],
              ports: [{ containerPort: 80, name: 'http', protocol: 'TCP' }],
            },
          ],
        },
      },
    });
  });

  test('hands its objects out: cdk8s-plus and JSON patches work on them', () => {
    const chart = chartOf('default');
    const web = new MeshService(chart, 'web', { port: 80, versions: { v1: 'w:1' } });
    ApiObject.of(web.deployment('v1')).addJsonPatch(JsonPatch.replace('/spec/replicas', 3));
    web.container('v1').env.addVariable('LATER', EnvValue.fromValue('yes'));
    const spec = synth(chart).find((each) => each.kind === 'Deployment')?.spec;
    expect(spec?.['replicas']).toBe(3);
    expect(JSON.stringify(spec)).toContain('LATER');
  });

  test('tells the protocol of a port by its name', () => {
    const chart = chartOf('default');
    new MeshService(chart, 'db', {
      port: { sql: { port: 5432, protocol: 'tcp' }, http: { port: 80, targetPort: 8080 } },
      versions: { v1: 'db:1' },
    });
    expect(synth(chart).find((each) => each.kind === 'Service')?.spec?.['ports']).toEqual([
      { name: 'tcp-sql', port: 5432, targetPort: 5432 },
      { name: 'http', port: 80, targetPort: 8080 },
    ]);
  });

  test('refuses names, ports and versions that cannot be', () => {
    const chart = chartOf('default');
    expect(() => new MeshService(chart, 'a', { port: 0, versions: { v1: 'i' } })).toThrow(/port 0 is out of range/);
    expect(() => new MeshService(chart, 'b', { port: 80, versions: {} })).toThrow(/versions is empty/);
    expect(() => new MeshService(chart, 'c', { port: 80, versions: { V_1: 'i' } })).toThrow(/version "V_1" cannot/);
  });

  test('names both places when a construct name is taken', () => {
    const chart = chartOf('default');
    new MeshService(chart, 'web', { port: 80, versions: { v1: 'w:1' } });
    expect(() => new MeshService(chart, 'web', { port: 80, versions: { v1: 'w:1' } })).toThrow(
      /duplicate construct name "web" in "shop": MeshService "shop\/web" \(.*mesh-service\.test\.ts:\d+\) has it, and .*mesh-service\.test\.ts:\d+ asks/,
    );
  });

  test('existing emits nothing but what routes make', () => {
    const chart = chartOf('default');
    const service = MeshService.existing(chart, 'reviews', { port: 9080, versions: ['v1', 'v2'], namespace: 'other' });
    expect(synth(chart)).toEqual([]);
    new HeaderRoute(chart, 'testers', { service, headers: { a: 'b' }, to: 'v2' });
    expect(synth(chart).map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'VirtualService other/reviews',
      'DestinationRule other/reviews',
    ]);
  });
});

describe('MeshNamespace', () => {
  test.each([
    [undefined, { 'istio-injection': 'enabled' }],
    [false, { 'istio-injection': 'disabled' }],
    ['canary', { 'istio.io/rev': 'canary' }],
  ])('with injection %s has labels %j and no namespace of its own', (injection, labels) => {
    const chart = chartOf('default');
    new MeshNamespace(chart, 'team-a', { injection });
    expect(synth(chart)).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'team-a', labels, annotations: { 'rigging.dev/construct': 'shop/team-a' } },
      },
    ]);
  });
});

describe('objectsOf', () => {
  test('names both constructs of two objects with one identity', () => {
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'default' });
    new MeshNamespace(chart, 'a', { name: 'same' });
    new MeshNamespace(chart, 'b', { name: 'same' });
    expect(() => objectsOf(app)).toThrow(
      /core\.Namespace same is declared twice: by MeshNamespace "shop\/a".*"shop\/b"/,
    );
  });

  test('names the construct whose object has no namespace', () => {
    const app = new App();
    const chart = new Chart(app, 'shop');
    new ApiObject(chart, 'config', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } });
    expect(() => objectsOf(app)).toThrow(/ConfigMap "x" has no namespace/);
  });

  test('holds objects of our kinds against their schema', () => {
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'default' });
    new ApiObject(chart, 'route', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'x' },
      spec: { hosts: ['a'], htp: [] },
    });
    expect(() => objectsOf(app)).toThrow(/spec\.htp: unknown field "htp".*did you mean http\?/s);
  });
});
