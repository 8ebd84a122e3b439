import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readEnvironment } from '../../cli/environment.ts';
import { findProgram } from '../../cli/program.ts';
import { synth } from '../../cli/synth.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rig-synth-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = async (check = false): Promise<{ code: number; text: string }> => {
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  return { code: await synth('local', { out: folder, check, write }), text };
};

test('synth writes one file per object, finds them current, and names what is stale', async () => {
  expect((await run()).code).toBe(0);
  expect(await readdir(folder)).toEqual(['bookinfo', 'istio-base', 'istio-gateways', 'istio-system']);
  const file = join(folder, 'bookinfo/default/networking.istio.io.VirtualService.reviews.yaml');
  const text = await readFile(file, 'utf8');
  expect(text).toMatch(/^# from bookinfo\/reviews\/routes by rigging; do not edit\n/);
  expect(await run(true)).toMatchObject({ code: 0 });

  await writeFile(file, text.replace('weight: 90', 'weight: 80'));
  const stale = await run(true);
  expect(stale.code).toBe(1);
  expect(stale.text).toContain('has "weight: 80", should have "weight: 90"');
  expect((await run()).text).toContain('1 written, 0 removed');
});

test('synth removes what is no longer declared and leaves other files alone', async () => {
  await run();
  const mine = join(folder, 'bookinfo/default/core.ConfigMap.gone.yaml');
  const theirs = join(folder, 'bookinfo/default/kept.yaml');
  await writeFile(mine, '# from bookinfo/x by rigging; do not edit\napiVersion: v1\n');
  await writeFile(theirs, 'apiVersion: v1\n');
  expect((await run()).text).toContain('0 written, 1 removed');
  expect(await readFile(theirs, 'utf8')).toBe('apiVersion: v1\n');
});

test('an environment that does not exist is named with the nearest that does', () => {
  expect(() => readEnvironment('lokal', folder)).toThrow(/no environment "lokal", did you mean local\?/);
});

test('an environment file is read, and its mistakes named', async () => {
  const file = join(folder, 'Pulumi.prod.yaml');
  await writeFile(file, 'config:\n  rigging:environment:\n    cluster: { kind: existing }\n    tag: "7"\n');
  expect(readEnvironment('prod', folder)).toEqual({ name: 'prod', cluster: { kind: 'existing' }, tag: '7' });
  await writeFile(file, 'config:\n  rigging:environment:\n    cluster: { kind: existing }\n    tga: "7"\n');
  expect(() => readEnvironment('prod', folder)).toThrow(
    /Pulumi\.prod\.yaml.*tga: unknown field "tga" \(did you mean tag\?\)/s,
  );
  await writeFile(file, 'config: {}\n');
  expect(() => readEnvironment('prod', folder)).toThrow(/has no key rigging:environment/);
});

test('the program is the one that package.json names, else the nearest platform.ts', async () => {
  await writeFile(join(folder, 'platform.ts'), '');
  expect(findProgram(folder)).toBe(join(folder, 'platform.ts'));
  await writeFile(join(folder, 'package.json'), '{ "rig": { "program": "other.ts" } }');
  expect(() => findProgram(folder)).toThrow(/rig\.program names other\.ts, which does not exist/);
  await writeFile(join(folder, 'other.ts'), '');
  expect(findProgram(folder)).toBe(join(folder, 'other.ts'));
});
