import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import program from '../../apps/platform.ts';
import {
  type Environment,
  Platform,
  testEnvironment,
  toProvenance,
  tryBuiltInEnvironment,
} from '../../constructs/index.ts';

const golden = join(import.meta.dirname, '../golden/constructs/local');
const local = (): Platform => program(tryBuiltInEnvironment('local')!);

/** Definitions and the injection template have tests of their own. */
const isGolden = (path: string): boolean => !path.startsWith('istio-base/') && !path.includes('istio-sidecar-injector');

function goldenFiles(): Record<string, string> {
  if (!existsSync(golden)) return {};
  const files = readdirSync(golden, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(paths.map((path) => [relative(golden, path), readFileSync(path, 'utf8')]));
}

describe("this repository's program", () => {
  test('synthesises what the golden files say (UPDATE_GOLDEN=1 rewrites them)', () => {
    const files = Object.fromEntries([...local().manifests()].filter(([path]) => isGolden(path)));
    if (process.env['UPDATE_GOLDEN']) {
      rmSync(golden, { recursive: true, force: true });
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(golden, path)), { recursive: true });
        writeFileSync(join(golden, path), text);
      }
    }
    expect(files).toEqual(goldenFiles());
  });

  test('gives the same bytes twice, whatever the environment of the process', () => {
    const first = [...local().manifests()];
    process.env['CDK8S_DISABLE_SORT'] = '1';
    try {
      expect([...local().manifests()]).toEqual(first);
    } finally {
      delete process.env['CDK8S_DISABLE_SORT'];
    }
  });

  test('leaves the example apps out on request', () => {
    const paths = [
      ...program({ ...tryBuiltInEnvironment('local')!, apps: false })
        .manifests()
        .keys(),
    ];
    expect(paths.filter((path) => path.startsWith('bookinfo/'))).toEqual([]);
    expect(paths).toContain('istio-system/istio-system/apps.Deployment.istiod.yaml');
  });

  test('applies definitions, namespaces, rights and control plane before apps, and routes last', () => {
    const order = local()
      .objects()
      .map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    const at = (name: string): number => order.indexOf(name);
    const sequence = [
      'CustomResourceDefinition/virtualservices.networking.istio.io',
      'Namespace/istio-system',
      'ServiceAccount/istiod',
      'ConfigMap/istio',
      'Deployment/istiod',
      'MutatingWebhookConfiguration/istio-sidecar-injector',
      'Service/reviews',
      'Deployment/reviews-v1',
      'DestinationRule/reviews',
      'VirtualService/reviews',
    ].map(at);
    expect(sequence).toEqual([...sequence].sort((a, b) => a - b));
    expect(sequence).not.toContain(-1);
  });

  test('knows the construct and the line of each object and route', () => {
    const provenance = toProvenance(local().synthesise());
    const rollout = provenance['networking.istio.io.VirtualService default/reviews#rollout'];
    expect(rollout).toMatchObject({ construct: 'bookinfo/rollout', type: 'CanaryRelease' });
    expect(rollout?.file).toMatch(/apps\/bookinfo\/chart\.ts$/);
    const line = readFileSync(rollout!.file!, 'utf8').split('\n')[rollout!.line! - 1];
    expect(line).toContain("new CanaryRelease(this, 'rollout'");
  });
});

describe('profiles', () => {
  const deployments = (env: Partial<Environment>): string[] =>
    new Platform(testEnvironment(env))
      .objects()
      .filter(({ kind }) => kind === 'Deployment')
      .map(({ metadata }) => metadata.name);

  test.each([
    [{}, ['istio-ingressgateway', 'istiod']],
    [{ profile: 'minimal' as const }, ['istiod']],
    [{ profile: 'demo' as const }, ['istio-egressgateway', 'istio-ingressgateway', 'istiod']],
  ])('%j has %j', (env, expected) => {
    expect(deployments(env)).toEqual(expected);
  });
});

describe('the environment', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'an unknown key',
      { ...testEnvironment(), profle: 'demo' },
      /profle: unknown field "profle" \(did you mean profile\?\)/,
    ],
    [
      'a nested unknown key',
      { ...testEnvironment(), mesh: { trustdomain: 'x' } },
      /mesh\.trustdomain.*did you mean trustDomain\?/,
    ],
    ['a wrong type', { ...testEnvironment(), apps: 'yes' }, /apps: must be true or false/],
    [
      'an unknown cluster',
      { name: 'x', cluster: { kind: 'gke' } },
      /cluster\.kind: unknown value "gke", valid are local, kind, eks, existing/,
    ],
    ['nothing', undefined, /must be an object/],
    ['no cluster', { name: 'x' }, /cluster: is required/],
  ])('with %s is refused, naming it', (_what, value, message) => {
    expect(() => new Platform(value as Environment)).toThrow(message);
  });

  test('reaches the mesh: images, trust domain, access log', () => {
    const env = testEnvironment({ registry: 'r.example/mesh', tag: '9', mesh: { trustDomain: 'td', accessLog: true } });
    const files = new Platform(env).manifests();
    expect(files.get('istio-system/istio-system/apps.Deployment.istiod.yaml')).toContain(
      'image: r.example/mesh/pilot:9',
    );
    const mesh = files.get('istio-system/istio-system/core.ConfigMap.istio.yaml');
    expect(mesh).toContain('trustDomain: td');
    expect(mesh).toContain('accessLogFile: /dev/stdout');
  });
});
