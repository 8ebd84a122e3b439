// The injection template's language: YAML whose texts hold `${field}`. Checked once when the configuration is read.
//   "${field}" alone      becomes the value with its type; undefined removes the key or list item, a list is spliced
//   text with "${field}"  becomes text
//   {$if: "${field}", …}  is left out where the field is false, empty or undefined; "!${field}" negates
import { isMap, isScalar, parseDocument, visit } from 'yaml';

/** Values by field name. */
export type Fields = Readonly<Record<string, unknown>>;

/** A template that is YAML and names only fields that exist. */
export interface Template {
  readonly name: string;
  readonly content: unknown;
}

/** A template that is wrong; the message names template and line. */
export class TemplateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TemplateError';
  }
}

const FIELD = /\$\{([A-Za-z][A-Za-z0-9.]*)\}/g;
const WHOLE = /^\$\{([A-Za-z][A-Za-z0-9.]*)\}$/;
const CONDITION = /^(!?)\$\{([A-Za-z][A-Za-z0-9.]*)\}$/;
const MAX_TEMPLATE_BYTES = 512 * 1024;

/** Reads one template. @param known names of fields that exist */
export function parseTemplate(name: string, text: string, known: ReadonlySet<string>): Template {
  if (text.length > MAX_TEMPLATE_BYTES)
    throw new TemplateError(`template ${name} of ${text.length} bytes; at most ${MAX_TEMPLATE_BYTES} are read`);
  const lineAt = (offset: number): number => text.slice(0, offset).split('\n').length;
  const go = text.indexOf('{{');
  if (go !== -1) {
    throw new TemplateError(
      `template ${name}, line ${lineAt(go)}: Go templates are not supported; write YAML with \${field} instead of {{ }}`,
    );
  }
  const document = parseDocument(text);
  const problem = document.errors[0];
  if (problem !== undefined) throw new TemplateError(`template ${name}: ${problem.message}`);
  visit(document, {
    Scalar(_key, node) {
      if (!isScalar(node) || typeof node.value !== 'string') return;
      for (const [, field = ''] of node.value.matchAll(FIELD)) {
        if (!known.has(field))
          throw new TemplateError(
            `template ${name}, line ${lineAt(node.range?.[0] ?? 0)}: there is no field \${${field}}`,
          );
      }
    },
  });
  if (!isMap(document.contents))
    throw new TemplateError(`template ${name} is no mapping; metadata and spec of a pod are expected`);
  return { name, content: document.toJS({ maxAliasCount: 100 }) as unknown };
}

/** Fills in the fields. */
export function renderTemplate(template: Template, fields: Fields): Record<string, unknown> {
  return render(template.content, fields) as Record<string, unknown>;
}

/** undefined means: leave it out. */
function render(node: unknown, fields: Fields): unknown {
  if (typeof node === 'string') return renderText(node, fields);
  if (Array.isArray(node)) {
    return node.flatMap((item: unknown) => {
      const value = render(item, fields);
      if (value === undefined) return [];
      return typeof item === 'string' && Array.isArray(value) ? (value as unknown[]) : [value];
    });
  }
  if (typeof node !== 'object' || node === null) return node;
  const { $if: condition, ...rest } = node as Record<string, unknown>;
  if (condition !== undefined && !holds(String(condition), fields)) return undefined;
  const entries = Object.entries(rest).map(([key, value]) => [key, render(value, fields)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function renderText(text: string, fields: Fields): unknown {
  const whole = WHOLE.exec(text)?.[1];
  if (whole !== undefined) return fields[whole];
  return text.replace(FIELD, (_all, field: string) => (fields[field] === undefined ? '' : String(fields[field])));
}

function holds(condition: string, fields: Fields): boolean {
  const [, not, field = ''] = CONDITION.exec(condition) ?? [];
  const value = fields[field];
  const isSet = Array.isArray(value)
    ? value.length > 0
    : value !== undefined && value !== false && value !== '' && value !== 'false';
  return not === '!' ? !isSet : isSet;
}
