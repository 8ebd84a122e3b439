// test/golden/inject/<case>/in.yaml, a pod -> out.yaml, the pod after the webhook's patch. UPDATE_GOLDEN=1 rewrites.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { applyPatch } from 'rfc6902';
import { parse, stringify } from 'yaml';
import { injectReview, parseInjectionConfig } from '../../../../services/control-plane/inject/inject-review.ts';

const dir = join(import.meta.dirname, '../../../golden/inject');
const config = parseInjectionConfig({
  injectorConfigYaml: readFileSync(join(dir, 'injector.yaml'), 'utf8'),
  valuesJson: JSON.stringify({
    global: { hub: 'docker.io/rigging', tag: 'v1', proxy: { resources: { requests: { cpu: '10m', memory: '40Mi' } } } },
  }),
  meshConfigYaml: 'trustDomain: cluster.local\ndefaultConfig: { proxyMetadata: { MESH_WIDE: "1" } }\n',
});

const cases = readdirSync(dir, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test.each(cases)('%s', (name) => {
  const pod = parse(readFileSync(join(dir, name, 'in.yaml'), 'utf8')) as { metadata: { namespace: string } };
  const { response } = injectReview({ request: { uid: 'u', namespace: pod.metadata.namespace, object: pod } }, config);
  expect(response?.status).toBeUndefined();
  const patch = JSON.parse(Buffer.from(response!.patch!, 'base64').toString('utf8')) as Parameters<
    typeof applyPatch
  >[1];
  const patched = structuredClone(pod);
  expect(applyPatch(patched, patch)).toEqual(patch.map(() => null));
  const out = join(dir, name, 'out.yaml');
  const text = stringify(patched, { lineWidth: 0, aliasDuplicateObjects: false });
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(out, text);
  expect(text).toBe(readFileSync(out, 'utf8'));
});
