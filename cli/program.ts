// Finds and loads a program: the module that default-exports `(env) => Platform`.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
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
    outfile: `${file}.cjs`,
    logLevel: 'silent',
  }).catch((cause: unknown) => {
    throw new Failure(`${file} does not compile: ${(cause as Error).message}`, { cause });
  });
  return { default: runCommonJs(file, result.outputFiles[0]!.text) };
}

/** What Node's loader of CommonJS modules offers beside its documented interface; it also reads the source map. */
type CommonJsModule = Module & { _compile(code: string, file: string, format: 'commonjs'): unknown };

function runCommonJs(file: string, code: string): unknown {
  const module = new Module(file) as CommonJsModule;
  module.filename = `${file}.cjs`;
  module.paths = nodeModulePaths(dirname(file));
  const own = createRequire(join(root, 'package.json'));
  const find = module.require.bind(module);
  // A program without an installation of its own gets this checkout's library and its dependencies.
  module.require = ((id: string): unknown => {
    if (id === 'rigging' || id.startsWith('rigging/')) return own(id);
    try {
      return find(id);
    } catch (error) {
      if ((error as { code?: string }).code !== 'MODULE_NOT_FOUND') throw error;
      return own(id);
    }
  }) as NodeJS.Require;
  module._compile(code, module.filename, 'commonjs');
  return module.exports;
}

/** Folders in which packages are looked for, nearest first. */
function nodeModulePaths(from: string): string[] {
  const paths: string[] = [];
  for (let folder = from; ; folder = dirname(folder)) {
    paths.push(join(folder, 'node_modules'));
    if (folder === dirname(folder)) return paths;
  }
}
