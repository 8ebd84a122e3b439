import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { table } from './architecture.ts';

const root = join(import.meta.dirname, '..');
const folders = ['constructs', 'services', 'addons', 'apps', 'clusters', 'cli'];
const aliases: Readonly<Record<string, string>> = {
  '#api/': 'constructs/api/',
  '#wire/': 'services/wire/',
  '#lib/': 'services/lib/',
};

function sources(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
      .map((file) => join(folder, file));
  } catch {
    return [];
  }
}

interface Import {
  readonly to: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found: Import[] = [];
  const pattern =
    /^\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;
  for (const match of text.matchAll(pattern))
    found.push({ to: match[2] ?? match[3] ?? '', typeOnly: match[1] !== undefined });
  return found;
}

/** The path from the root that an import of ours means; undefined for packages and node:*. */
function resolveOurs(file: string, specifier: string): string | undefined {
  for (const [alias, folder] of Object.entries(aliases))
    if (specifier.startsWith(alias)) return folder + specifier.slice(alias.length);
  return specifier.startsWith('.') ? relative(root, join(root, dirname(file), specifier)) : undefined;
}

const files = folders.flatMap(sources);
const within = (path: string, room: string) => path === room || path.startsWith(`${room}/`);
const rowOf = (file: string) => table.find((row) => within(file, row.room));

describe('the import table', () => {
  test('has a row for every source file', () => {
    expect(files.filter((file) => rowOf(file) === undefined)).toEqual([]);
  });

  test('allows every import there is', () => {
    const forbidden: string[] = [];
    for (const file of files) {
      const row = rowOf(file);
      if (!row || row.mayImport.includes('*') || file.endsWith('/main.ts')) continue;
      for (const { to } of importsOf(file)) {
        const target = resolveOurs(file, to);
        if (target === undefined) {
          if (row.pure && to.startsWith('node:')) forbidden.push(`${file}: ${to} (a pure room)`);
          continue;
        }
        // A room's own folder is its first path below the row, so that siblings under services/lib see each other.
        if (within(target, row.room) || row.mayImport.some((room) => within(target, room))) continue;
        forbidden.push(`${file}: ${target}`);
      }
    }
    expect(forbidden).toEqual([]);
  });

  test('pure rooms have no clock and no randomness', () => {
    const impure = files.filter(
      (file) =>
        rowOf(file)?.pure &&
        /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval)\b/.test(
          readFileSync(join(root, file), 'utf8'),
        ),
    );
    expect(impure).toEqual([]);
  });

  test('no cycles between files', () => {
    const graph = new Map(
      files.map((file) => [
        file,
        importsOf(file)
          .filter((it) => !it.typeOnly)
          .map((it) => resolveOurs(file, it.to))
          .filter((it) => it !== undefined),
      ]),
    );
    const cycles: string[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const visit = (file: string, path: readonly string[]) => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test('no file is longer than 500 lines', () => {
    const long = files.filter(
      (file) => !file.includes('/generated/') && readFileSync(join(root, file), 'utf8').split('\n').length > 500,
    );
    expect(long).toEqual(longFilesWithReason.map((it) => it.file).filter((file) => files.includes(file)));
  });
});

/** Files over 500 lines, each with its reason. */
const longFilesWithReason: readonly { file: string; reason: string }[] = [];
