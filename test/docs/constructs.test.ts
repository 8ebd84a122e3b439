// The pages of docs/constructs hold what the examples are, emit and take: written with UPDATE_GOLDEN=1, compared otherwise.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Platform, toManifestFiles } from '../../constructs/index.ts';
import { propsTable } from './props-tables.ts';

const folder = join(import.meta.dirname, '../../docs/constructs');
const pages = readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md');
const MARKED = /<!-- (example|emits|props) ([^>]+?) -->\n[\s\S]*?<!-- end -->/g;

const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;

async function emitted(example: string, wanted: readonly string[]): Promise<string> {
  const module = (await import(join(folder, 'examples', `${example}.ts`))) as { default: Platform };
  const files = [...toManifestFiles(module.default.synthesise().filter(({ app }) => app === 'shop'))];
  const texts = wanted.flatMap((each) => {
    const [kind, name] = each.split('/');
    const found = files.filter(([path]) => path.includes(`.${kind}.${name ?? ''}`));
    if (found.length === 0)
      throw new Error(`example ${example} emits no ${each}; it emits ${files.map(([path]) => path).join(', ')}`);
    return found.map(([, text]) => text.trimEnd());
  });
  return texts.join('\n---\n');
}

async function block(kind: string, args: readonly string[]): Promise<string> {
  const [name = '', ...rest] = args;
  if (kind === 'example') return fenced('ts', readFileSync(join(folder, 'examples', `${name}.ts`), 'utf8'));
  if (kind === 'emits') return fenced('yaml', await emitted(name, rest));
  return propsTable(name);
}

async function rewritten(text: string): Promise<string> {
  let result = text;
  for (const [whole, kind = '', args = ''] of text.matchAll(MARKED)) {
    const content = await block(kind, args.split(' '));
    result = result.replace(whole, () => `<!-- ${kind} ${args} -->\n${content}\n<!-- end -->`);
  }
  return result;
}

test.each(pages)('%s holds what its example is, emits and takes', async (page) => {
  const file = join(folder, page);
  const text = readFileSync(file, 'utf8');
  const current = await rewritten(text);
  if (process.env['UPDATE_GOLDEN']) writeFileSync(file, current);
  else expect(text).toBe(current);
});

test('every example has its page', () => {
  const examples = readdirSync(join(folder, 'examples')).map((file) => file.replace(/\.ts$/, '.md'));
  expect(examples.sort()).toEqual([...pages].sort());
});
