// Reads an environment: key `rigging:environment` of Pulumi.<env>.yaml, else one of those that exist without a file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { nearestName } from '#api/problem.ts';
import { type Environment, EnvironmentError, toEnvironment, tryBuiltInEnvironment } from '../constructs/index.ts';
import { Failure } from './failure.ts';
import { findProgram } from './program.ts';

/** Largest file that is read, in bytes. */
const MAX_FILE = 1024 * 1024;

/** The environment of a name; `folder` is where its file is looked for, default beside the program's package.json. */
export function readEnvironment(name: string, folder: string = projectFolder()): Environment {
  const file = join(folder, `Pulumi.${name}.yaml`);
  if (!existsSync(file)) {
    const builtIn = tryBuiltInEnvironment(name);
    if (builtIn) return builtIn;
    const known = ['local', 'kind', 'existing', ...environmentFiles(folder)];
    const nearest = nearestName(name, known);
    throw new Failure(
      `there is no environment "${name}"${nearest ? `, did you mean ${nearest}?` : ''}: ` +
        `${relative(process.cwd(), file)} does not exist; known are ${known.join(', ')}`,
    );
  }
  const text = readFileSync(file, 'utf8');
  if (text.length > MAX_FILE) throw new Failure(`${file} is larger than ${MAX_FILE} bytes`);
  const document = parseDocument(text, { lineCounter: new LineCounter() });
  const [error] = document.errors;
  if (error) throw new Failure(`${file}: ${error.message}`);
  const config = (document.toJS() as { config?: Record<string, unknown> } | null)?.config;
  const value = config?.['rigging:environment'];
  if (value === undefined) {
    throw new Failure(`${file} has no key rigging:environment below config; add it with cluster: { kind: existing }`);
  }
  try {
    return toEnvironment({ name, ...(value as Record<string, unknown>) });
  } catch (cause) {
    if (cause instanceof EnvironmentError) throw new Failure(`${file}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** Folder of the package that the program belongs to. */
export function projectFolder(program: string = findProgram()): string {
  for (let folder = dirname(program); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return dirname(program);
  }
}

const environmentFiles = (folder: string): string[] =>
  readdirSync(folder).flatMap((file) => /^Pulumi\.([a-z0-9-]+)\.yaml$/.exec(file)?.[1] ?? []);
