// Programs of a local environment as bundles under its state directory, beside a Node of their own: a running mesh must
// survive an install that replaces node_modules.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  linkSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { programs as appPrograms } from '../apps/programs.ts';
import { root } from './paths.ts';

/** Bundle name -> entry file, relative to the checkout. */
const programs: Readonly<Record<string, string>> = {
  'local-cluster': 'clusters/local/main.ts',
  'local-api': 'clusters/local/api/main.ts',
  'local-controllers': 'clusters/local/controllers/main.ts',
  'local-node': 'clusters/local/node/main.ts',
  ...Object.fromEntries(appPrograms.map((it) => [it.name, it.entry])),
};

/** Data that a program reads beside itself. */
const dataFolders = ['clusters/local/api/shapes/generated'];

/** Packages with native parts stay outside of the bundles and are copied beside them. */
const native = ['koffi', '@koromix'];

/** Builds every program into `folder` as `<name>.mjs`; each file is replaced whole, so what runs is never half written. */
export async function bundlePrograms(folder: string): Promise<void> {
  const { build } = await import('esbuild');
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const result = await build({
    absWorkingDir: root,
    entryPoints: Object.entries(programs).map(([out, entry]) => ({ in: entry, out })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    external: ['koffi'],
    minifyWhitespace: true,
    sourcemap: false,
    logLevel: 'silent',
    banner: {
      js: "import{createRequire as __rigRequire}from'node:module';const require=__rigRequire(import.meta.url);",
    },
  });
  for (const file of result.outputFiles) {
    const next = `${file.path}.${process.pid}.tmp`;
    writeFileSync(next, file.contents, { mode: 0o644 });
    renameSync(next, file.path);
  }
  for (const data of dataFolders) cpSync(join(root, data), join(folder, basename(data)), { recursive: true });
  for (const name of native) {
    const from = join(root, 'node_modules', name);
    const to = join(folder, 'node_modules', name);
    if (!existsSync(from)) continue;
    if (sameVersion(from, to)) continue;
    rmSync(to, { recursive: true, force: true });
    cpSync(from, to, { recursive: true, filter: (path) => !/koffi\/(doc|vendor)$/.test(path) });
  }
}

function sameVersion(from: string, to: string): boolean {
  const digest = (folder: string) => {
    const file = join(folder, 'package.json');
    return existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : undefined;
  };
  return existsSync(to) && digest(from) === digest(to);
}

/** Puts the running Node beside the bundles: a link where both lie on one file system, else a copy. */
export function placeNode(path: string): void {
  const from = realpathSync(process.execPath);
  if (existsSync(path) && statSync(path).size === statSync(from).size) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const next = `${path}.${process.pid}.tmp`;
  rmSync(next, { force: true });
  try {
    linkSync(from, next);
  } catch {
    copyFileSync(from, next);
  }
  renameSync(next, path);
}
