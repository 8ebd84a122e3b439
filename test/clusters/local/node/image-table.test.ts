import { describe, expect, test } from '@jest/globals';
import { ImageTable, tryImageRepository } from '../../../../clusters/local/node/image-table.ts';

describe('image names', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx'],
    ['nginx:1.27', 'docker.io/library/nginx'],
    ['istio/proxyv2:1.2', 'docker.io/istio/proxyv2'],
    ['docker.io/istio/examples-bookinfo-reviews-v1:1.20.3', 'docker.io/istio/examples-bookinfo-reviews-v1'],
    ['index.docker.io/nginx', 'docker.io/library/nginx'],
    ['localhost:5000/a/b', 'localhost:5000/a/b'],
    ['localhost:5000/a/b:v1', 'localhost:5000/a/b'],
    ['registry.k8s.io/pause@sha256:' + 'a'.repeat(64), 'registry.k8s.io/pause'],
  ])('%s is %s', (reference, repository) => expect(tryImageRepository(reference)).toBe(repository));

  test.each(['', 'Nginx', 'a//b', 'nginx:', 'a b', '../x', 'x'.repeat(2000)])('%j is refused', (reference) =>
    expect(tryImageRepository(reference)).toBeUndefined(),
  );
});

describe('the table', () => {
  const table = new ImageTable(
    [{ image: 'docker.io/istio/pilot', command: ['${node}', '${bundle}/control-plane.mjs', '${other}'] }],
    { node: '/n', bundle: '/b' },
  );

  test('fills in placeholders it knows', () => {
    expect(table.find('istio/pilot:1.27.0')).toMatchObject({
      kind: 'found',
      entry: { command: ['/n', '/b/control-plane.mjs', '${other}'] },
    });
  });

  test('says what to do about an image it does not know', () => {
    const found = table.find('example.com/pilot:1');
    expect(found).toMatchObject({ kind: 'unknown', reason: 'ErrImagePull' });
    expect(found.kind === 'unknown' && found.message).toMatch(/Add \{ image, command \}.*docker\.io\/istio\/pilot/);
  });

  test('names an invalid image as the kubelet does', () => {
    expect(table.find('BAD:')).toMatchObject({ kind: 'invalid', reason: 'InvalidImageName' });
  });
});
