// Finds and loads a program: the module that default-exports `(env) => Platform`.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Environment, Manifest, SynthesisedObject } from '../constructs/index.ts';
import { Failure } from './failure.ts';
import { root } from './paths.ts';

/** What a program gives back. An interface, so that a copy of the library in another package fits. */
export interface ProgramPlatform {
  synthesise(): readonly SynthesisedObject[];
  objects(): readonly Manifest[];
  manifests(): ReadonlyMap<string, string>;
}
export type Program = (env: Environment) => ProgramPlatform | Promise<ProgramPlatform>;

/** Names under which a program is looked for, upward from the working directory. */
const FILE_NAMES = ['platform.ts', 'platform.mts', 'platform.js', 'platform.mjs'];

/** The program that `package.json#rig.program` names, else the nearest `platform.ts`; each folder upward, the former first. */
export function findProgram(from: string = process.cwd()): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const named = namedProgram(folder);
    if (named) return named;
    const found = FILE_NAMES.map((name) => join(folder, name)).find(existsSync);
    if (found) return found;
    if (folder === dirname(folder)) break;
  }
  const own = namedProgram(root);
  if (own) return own;
  throw new Failure(
    `no program found from ${resolve(from)} upward; name one in package.json: "rig": { "program": "platform.ts" }`,
  );
}

function namedProgram(folder: string): string | undefined {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return undefined;
  let named: unknown;
  try {
    named = (JSON.parse(readFileSync(file, 'utf8')) as { rig?: { program?: unknown } }).rig?.program;
  } catch (cause) {
    throw new Failure(`${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (named === undefined) return undefined;
  if (typeof named !== 'string') throw new Failure(`${file}: rig.program must be the path of a file`);
  const program = resolve(folder, named);
  if (!existsSync(program)) throw new Failure(`${file}: rig.program names ${named}, which does not exist`);
  return program;
}

/** Imports a program: its own TypeScript by Node; files of other repositories through esbuild, in memory. */
export async function loadProgram(file: string = findProgram()): Promise<Program> {
  process.setSourceMapsEnabled(true);
  const module = isOurs(file) ? await import(pathToFileURL(file).href) : await importBundled(file);
  const program: unknown = (module as { default?: unknown }).default;
  // A CommonJS program arrives with its exports as the default.
  const main = typeof program === 'function' ? program : (program as { default?: unknown } | undefined)?.default;
  if (typeof main !== 'function') {
    throw new Failure(
      `${relative(process.cwd(), file)} has no default export; it must export default (env) => Platform`,
    );
  }
  return main as Program;
}

const isOurs = (file: string): boolean => {
  const path = relative(root, file);
  return !path.startsWith('..') && !path.includes('node_modules');
};

/** Packages stay external and are found from the program's folder; tsconfig paths and extensionless imports work. */
async function importBundled(file: string): Promise<unknown> {
  const { build } = await import('esbuild');
  const { createRequire } = await import('node:module');
  const result = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    sourcemap: 'inline',
    sourcesContent: false,
    sourceRoot: `${dirname(file)}/`,
    logLevel: 'silent',
  }).catch((cause: unknown) => {
    throw new Failure(`${file} does not compile: ${(cause as Error).message}`, { cause });
  });
  const require = createRequire(file);
  const module = { exports: {} as unknown };
  const { runInThisContext } = await import('node:vm');
  const code = result.outputFiles[0]!.text;
  const run = runInThisContext(`(function (exports, require, module, __filename, __dirname) {${code}\n})`, {
    filename: file,
  }) as (exports: unknown, require: NodeJS.Require, module: { exports: unknown }, file: string, folder: string) => void;
  run(module.exports, require, module, file, dirname(file));
  return { default: module.exports };
}
