import { expect, test } from '@jest/globals';
import { Platform, testEnvironment } from '../../constructs/index.ts';

const kinds = (platform: Platform): string[] =>
  platform
    .synthesise()
    .filter(({ app }) => app === 'prometheus')
    .map(({ manifest }) => manifest.kind);

test('Prometheus is there where the environment asks for it', () => {
  expect(kinds(new Platform(testEnvironment()))).toEqual([]);
  expect(kinds(new Platform(testEnvironment({ cluster: { kind: 'existing' }, addons: { prometheus: true } })))).toEqual(
    ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'Service', 'Deployment'],
  );
});

test('the embedded cluster, whose Prometheus cannot find pods, is told so', () => {
  const env = testEnvironment({ cluster: { kind: 'local' }, addons: { prometheus: true } });
  expect(() => new Platform(env)).toThrow(/addons\.prometheus: .*kind or existing/);
});
