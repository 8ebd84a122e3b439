// Reads interfaces and their documentation from the constructs' sources: the tables of props in docs/constructs.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const constructs = join(import.meta.dirname, '../../constructs');

let known: ReadonlyMap<string, ts.InterfaceDeclaration> | undefined;

function interfaces(): ReadonlyMap<string, ts.InterfaceDeclaration> {
  if (known) return known;
  const found = new Map<string, ts.InterfaceDeclaration>();
  for (const file of readdirSync(constructs, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.startsWith('api/') || file.startsWith('testing/')) continue;
    const text = readFileSync(join(constructs, file), 'utf8');
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    for (const statement of source.statements) {
      if (ts.isInterfaceDeclaration(statement)) found.set(statement.name.text, statement);
    }
  }
  known = found;
  return found;
}

/** A Markdown table of an interface's own members. */
export function propsTable(name: string): string {
  const declaration = interfaces().get(name);
  if (!declaration) throw new Error(`no interface ${name} in constructs/`);
  const rows = declaration.members.filter(ts.isPropertySignature).map((member) => {
    const docs = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc);
    const text = docs.map((doc) => ts.getTextOfJSDocComment(doc.comment) ?? '').join(' ');
    const tag = ts.getJSDocTags(member).find((each) => each.tagName.text === 'default');
    const fallback = tag ? (ts.getTextOfJSDocComment(tag.comment) ?? '') : '';
    const type = (member.type?.getText() ?? '').replace(/ \| undefined$/, '').replace(/^\| /, '');
    const required = member.questionToken ? '' : ' (required)';
    return `| \`${member.name.getText()}\`${required} | ${code(type)} | ${cell(fallback)} | ${cell(text)} |`;
  });
  return [`**${name}**`, '', '| prop | type | default | what |', '|---|---|---|---|', ...rows].join('\n');
}

const cell = (text: string): string => text.replace(/\s+/g, ' ').replaceAll('|', '\\|').trim();
const code = (type: string): string =>
  `\`${cell(type).replaceAll('NoInfer<Version>', 'Version').replaceAll('readonly ', '')}\``;
