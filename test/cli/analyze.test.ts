// `rig analyze` on files: lines with places, formats, thresholds and exit codes of istioctl.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { analyzeVerb } from '../../cli/analyze.ts';

const folder = mkdtempSync(join(tmpdir(), 'rig-analyze-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'reviews.yaml');
writeFileSync(
  file,
  `apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  gateways: [missing, mesh]
  http: [{ route: [{ destination: { host: reviews, subset: v4 } }] }]
`,
);
async function run(
  files: string[],
  options: Parameters<typeof analyzeVerb>[1] = {},
): Promise<{ code: number; text: string }> {
  let text = '';
  const code = await analyzeVerb(files, {
    ...options,
    write: (part) => {
      text += part;
    },
  });
  return { code, text };
}

describe('rig analyze', () => {
  test('findings come with their place, and exit 79', async () => {
    expect(await run([file])).toEqual({
      code: 79,
      text: [
        `Error [IST0101] (VirtualService default/reviews ${file}:11) Referenced gateway not found: "missing"`,
        `Error [IST0101] (VirtualService default/reviews ${file}:12) Referenced host+subset in destinationrule not found: "reviews+v4"`,
        '',
      ].join('\n'),
    });
  });
  test('a folder is read as a whole; nothing wrong says so', async () => {
    const clean = mkdtempSync(join(folder, 'clean-'));
    writeFileSync(
      join(clean, 'a.yaml'),
      'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ name: http, port: 80 }] }\n',
    );
    expect(await run([clean])).toEqual({ code: 0, text: `✔ No validation issues found when analyzing ${clean}.\n` });
  });
  test('json has the keys of istioctl and exits 0', async () => {
    const { code, text } = await run([file], { output: 'json' });
    expect(code).toBe(0);
    expect(JSON.parse(text)[0]).toEqual({
      code: 'IST0101',
      documentationUrl: 'https://istio.io/latest/docs/reference/config/analysis/ist0101/',
      level: 'Error',
      message: 'Referenced gateway not found: "missing"',
      origin: 'VirtualService default/reviews',
      reference: `${file}:11`,
    });
  });
  test('suppression and thresholds', async () => {
    expect((await run([file], { suppress: ['IST0101=VirtualService rev*.default'] })).code).toBe(0);
    const info = join(folder, 'namespace.yaml');
    writeFileSync(info, 'apiVersion: v1\nkind: Namespace\nmetadata: { name: x }\n');
    expect((await run([info])).code).toBe(0);
    expect((await run([info], { failureThreshold: 'info' })).code).toBe(79);
    expect((await run([info], { outputThreshold: 'Error' })).text).toContain('No validation issues');
  });
  test("files that are wrong are named, with istioctl's exit codes", async () => {
    const broken = join(folder, 'broken.yml');
    writeFileSync(broken, 'a: [');
    await expect(run([broken])).rejects.toMatchObject({ exitCode: 65 });
    writeFileSync(broken, 'a: 1');
    await expect(run([broken])).rejects.toThrow(`${broken}:1: not a Kubernetes object`);
    await expect(run([join(folder, 'nothing')])).rejects.toMatchObject({ exitCode: 64 });
    await expect(run([file], { failureThreshold: 'Grave' })).rejects.toMatchObject({ exitCode: 64 });
  });
});
