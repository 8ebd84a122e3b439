import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readEnvironment } from '../../cli/environment.ts';
import { root } from '../../cli/paths.ts';
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

test('a program of another repository: CommonJS, tsconfig paths, imports without ending', async () => {
  const write = (path: string, text: string): Promise<void> => writeFile(join(folder, path), text);
  await mkdir(join(folder, 'src'));
  await write('package.json', '{ "type": "commonjs", "rig": { "program": "src/platform.ts" } }');
  await write('tsconfig.json', '{ "compilerOptions": { "paths": { "~/*": ["./src/*"] } } }');
  await write('src/names.ts', "export const name: string = 'cart';\n");
  await write(
    'src/shop.ts',
    [
      "import { CanaryRelease, Chart, MeshService, type Platform } from 'rigging';",
      "import { name } from './names';",
      '',
      'export enum Size { Small = 1 }',
      'export const addShop = (platform: Platform): void => {',
      "  const shop = new Chart(platform, 'shop', { namespace: 'shop' });",
      "  const cart = new MeshService(shop, name, { port: 80, versions: { v1: 'cart:1', v2: 'cart:2' } });",
      "  new CanaryRelease(shop, 'rollout', { service: cart, stable: 'v1', canary: 'v2', weight: Size.Small });",
      '};',
      '',
    ].join('\n'),
  );
  await write(
    'src/platform.ts',
    "import { type Environment, Platform } from 'rigging';\nimport { addShop } from '~/shop';\n" +
      'export default (env: Environment): Platform => {\n  const platform = new Platform(env);\n  addShop(platform);\n  return platform;\n};\n',
  );
  const rig = (...args: string[]) =>
    promisify(execFile)(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(root, 'cli/main.ts'), ...args],
      {
        cwd: folder,
      },
    );
  const { stdout } = await rig('synth', 'existing');
  expect(stdout).toContain('manifests in manifests/existing');
  const path = 'manifests/existing/shop/shop/networking.istio.io.VirtualService.cart.yaml';
  expect(await readFile(join(folder, path), 'utf8')).toContain('weight: 99');
  const provenance = JSON.parse(await readFile(join(folder, '.rig/provenance.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  expect(provenance['networking.istio.io.VirtualService shop/cart#rollout']).toMatchObject({
    construct: 'shop/rollout',
    file: join(await realpath(folder), 'src/shop.ts'),
    line: 8,
  });
});
