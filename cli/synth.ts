// `rig synth`: writes the manifests of an environment, or checks that the committed ones are current.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { type Environment, toProvenance } from '../constructs/index.ts';
import { projectFolder, readEnvironment } from './environment.ts';
import { Failure } from './failure.ts';
import { findProgram, loadProgram, type ProgramPlatform } from './program.ts';

export interface SynthOptions {
  /** Folder to write to. @default manifests/<env>, for local environments .rig/<env>/manifests */
  readonly out?: string | undefined;
  /** Compare instead of writing. */
  readonly check?: boolean | undefined;
  /** @default standard output */
  readonly write?: ((text: string) => void) | undefined;
}

/** A program run for one environment. */
export interface Synthesis {
  readonly environment: Environment;
  readonly platform: ProgramPlatform;
  /** Folder of the program's package. */
  readonly folder: string;
}

/** Runs the program for an environment. @param changes win over what the environment's file says */
export async function synthesise(name: string, changes: Partial<Environment> = {}): Promise<Synthesis> {
  const file = findProgram();
  const folder = projectFolder(file);
  const environment = { ...readEnvironment(name, folder), ...changes };
  const program = await loadProgram(file);
  return { environment, platform: await program(environment), folder };
}

/** The verb; gives the exit code: with `check` 1 where a file is stale. */
export async function synth(name: string, options: SynthOptions = {}): Promise<number> {
  const print = options.write ?? ((text: string) => void process.stdout.write(text));
  const { environment, platform, folder } = await synthesise(name);
  const files = platform.manifests();
  const out = outFolder(options.out, folder, environment);
  const shown = relative(process.cwd(), out) || '.';
  if (options.check) {
    const stale = await differences(out, files);
    if (stale.length === 0) {
      print(`${files.size} manifests in ${shown} are current\n`);
      return 0;
    }
    print(`${stale.join('\n')}\n\n${shown} is stale: run  rig synth ${name}  and commit the result\n`);
    return 1;
  }
  const { written, removed } = await writeFiles(out, files);
  await writeProvenance(join(folder, '.rig', 'provenance.json'), platform);
  print(`${files.size} manifests in ${shown}: ${written} written, ${removed} removed\n`);
  return 0;
}

function outFolder(out: string | undefined, folder: string, environment: Environment): string {
  if (out !== undefined) return resolve(out);
  return environment.cluster.kind === 'local'
    ? join(folder, '.rig', environment.name, 'manifests')
    : join(folder, 'manifests', environment.name);
}

/** First line of every file that is ours to replace or remove. */
const HEADER = /^# from \S+ by rigging; do not edit\n/;

async function existingFiles(out: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  if (!existsSync(out)) return found;
  for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.yaml')) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, 'utf8');
    if (HEADER.test(text)) found.set(relative(out, path), text);
  }
  return found;
}

/** Writes what changed and removes files of ours that are no longer declared; other files stay. */
async function writeFiles(
  out: string,
  files: ReadonlyMap<string, string>,
): Promise<{ written: number; removed: number }> {
  const existing = await existingFiles(out);
  let written = 0;
  for (const [path, text] of files) {
    const target = join(out, path);
    if (existing.get(path) === text) continue;
    if (!existing.has(path) && existsSync(target)) {
      throw new Failure(
        `${target} is not a file of ours (its first line says otherwise); move it, or choose another --out`,
      );
    }
    await mkdir(dirname(target), { recursive: true });
    const temporary = `${target}.tmp`;
    await writeFile(temporary, text);
    await rename(temporary, target);
    written += 1;
  }
  let removed = 0;
  for (const path of existing.keys()) {
    if (files.has(path)) continue;
    await rm(join(out, path));
    await removeEmptyFolders(dirname(join(out, path)), out);
    removed += 1;
  }
  return { written, removed };
}

async function removeEmptyFolders(folder: string, stop: string): Promise<void> {
  for (let each = folder; each !== stop && each.startsWith(stop); each = dirname(each)) {
    if ((await readdir(each)).length > 0) return;
    await rmdir(each);
  }
}

/** One line per file that differs, with its first line that does. */
async function differences(out: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const existing = await existingFiles(out);
  const lines: string[] = [];
  for (const [path, text] of files) {
    const have = existing.get(path);
    if (have === undefined) lines.push(`+ ${path}: missing`);
    else if (have !== text) lines.push(`~ ${path}: ${firstDifference(have, text)}`);
  }
  for (const path of existing.keys()) if (!files.has(path)) lines.push(`- ${path}: no longer declared`);
  return lines;
}

function firstDifference(have: string, want: string): string {
  const haveLines = have.split('\n');
  const wantLines = want.split('\n');
  const index = wantLines.findIndex((line, at) => line !== haveLines[at]);
  const at = index < 0 ? wantLines.length : index;
  return `line ${at + 1}: has "${(haveLines[at] ?? '').trim()}", should have "${(wantLines[at] ?? '').trim()}"`;
}

/** Which line of the program each object and route came from; beside the manifests, never in them. */
export async function writeProvenance(file: string, platform: ProgramPlatform): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(toProvenance(platform.synthesise()), null, 2)}\n`);
}
