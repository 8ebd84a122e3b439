// x-kubernetes-validations: CEL rules at every node of a schema, with self and oldSelf.
import { Environment } from '@marcbachmann/cel-js';
import type { FieldProblems } from '../field-problems.ts';
import { type Fields, isFields, recs, str } from '../object.ts';
import type { Schema } from '../shapes/shapes.ts';

type Program = (context: Record<string, unknown>) => unknown;
const environment = new Environment({ unlistedVariablesAreDyn: true });
registerKubernetesFunctions(environment);
const programs = new Map<string, Program | Error>();

/** Functions of Kubernetes' CEL libraries that rules of common CRDs call. */
function registerKubernetesFunctions(target: Environment): void {
  const add = (signature: string, body: (...args: never[]) => unknown): void => {
    try {
      target.registerFunction(signature, body as never);
    } catch {
      // The library has it already.
    }
  };
  add('string.find(string): string', (text: string, pattern: string) => new RegExp(pattern).exec(text)?.[0] ?? '');
  add('string.lowerAscii(): string', (text: string) => text.toLowerCase());
  add('string.upperAscii(): string', (text: string) => text.toUpperCase());
  add('string.split(string): list', (text: string, by: string) => text.split(by));
  add('string.replace(string, string): string', (text: string, from: string, to: string) => text.replaceAll(from, to));
  add('string.trim(): string', (text: string) => text.trim());
  add('list.join(string): string', (items: string[], by: string) => items.join(by));
  add('isURL(string): bool', (text: string) => URL.canParse(text));
  add('list.isSorted(): bool', (items: string[]) =>
    items.every((item, index) => index === 0 || items[index - 1]! <= item),
  );
}

export function compileCel(expression: string): Program | Error {
  const found = programs.get(expression);
  if (found !== undefined) return found;
  let program: Program | Error;
  try {
    const parsed = environment.parse(expression);
    program = (context) => parsed(context);
  } catch (error) {
    program = error instanceof Error ? error : new Error(String(error));
  }
  if (programs.size > 5000) programs.clear();
  programs.set(expression, program);
  return program;
}

/** JSON to CEL: whole numbers are ints, which the library wants as BigInt. */
export function toCel(value: unknown, schema?: Schema): unknown {
  if (typeof value === 'number') return Number.isInteger(value) && schema?.type !== 'number' ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item) => toCel(item, schema?.items));
  if (isFields(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [
        key,
        toCel(
          child,
          schema?.properties?.[key] ??
            (typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined),
        ),
      ]),
    );
  return value;
}

export function runCelRules(object: unknown, before: unknown, schema: Schema, problems: FieldProblems): void {
  const walk = (value: unknown, old: unknown, node: Schema, path: string, depth: number): void => {
    if (depth > 60 || value === undefined || value === null) return;
    for (const rule of recs(node['x-kubernetes-validations'])) judge(rule, value, old, node, path, problems);
    if (Array.isArray(value)) {
      if (node.items === undefined) return;
      const keys = node['x-kubernetes-list-map-keys'] as string[] | undefined;
      for (const [index, item] of value.entries()) {
        const oldItem =
          keys === undefined || !Array.isArray(old)
            ? undefined
            : old.find((other) => keys.every((key) => (other as Fields)[key] === (item as Fields)[key]));
        walk(item, oldItem, node.items, `${path}[${index}]`, depth + 1);
      }
    } else if (isFields(value))
      for (const [key, child] of Object.entries(value)) {
        const property =
          node.properties?.[key] ??
          (typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined);
        if (property !== undefined)
          walk(child, isFields(old) ? old[key] : undefined, property, path === '' ? key : `${path}.${key}`, depth + 1);
      }
  };
  walk(object, before, schema, '', 0);
}

function judge(rule: Fields, value: unknown, old: unknown, node: Schema, path: string, problems: FieldProblems): void {
  const expression = str(rule['rule']);
  const isTransition = /\boldSelf\b/.test(expression);
  if (isTransition && old === undefined && rule['optionalOldSelf'] !== true) return;
  const program = compileCel(expression);
  const where = `${path}${str(rule['fieldPath'])}` || '<nil>';
  const shown = isFields(value) || Array.isArray(value) ? (Array.isArray(value) ? 'array' : 'object') : value;
  const fail = (message: string): void => {
    const text = typeof shown === 'string' ? JSON.stringify(shown) : String(shown);
    const type =
      rule['reason'] === 'FieldValueForbidden'
        ? 'FieldValueForbidden'
        : rule['reason'] === 'FieldValueRequired'
          ? 'FieldValueRequired'
          : rule['reason'] === 'FieldValueDuplicate'
            ? 'FieldValueDuplicate'
            : 'FieldValueInvalid';
    const prefix = {
      FieldValueForbidden: 'Forbidden: ',
      FieldValueRequired: 'Required value: ',
      FieldValueDuplicate: `Duplicate value: ${text}`,
      FieldValueInvalid: `Invalid value: ${text}: `,
    }[type];
    problems.all.push({ type, field: where, message: type === 'FieldValueDuplicate' ? prefix : `${prefix}${message}` });
  };
  if (program instanceof Error) {
    fail(`rule cannot be compiled: ${expression}: ${program.message.split('\n')[0]}`);
    return;
  }
  const context: Record<string, unknown> = { self: toCel(value, node) };
  if (isTransition) context['oldSelf'] = toCel(old, node);
  try {
    if (program(context) === true) return;
  } catch (error) {
    fail(
      `rule ended in an error: ${expression}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
    );
    return;
  }
  fail(messageOf(rule, expression, context));
}

function messageOf(rule: Fields, expression: string, context: Record<string, unknown>): string {
  const computed = str(rule['messageExpression']);
  if (computed !== '') {
    const program = compileCel(computed);
    if (!(program instanceof Error))
      try {
        const text = program(context);
        if (typeof text === 'string' && text.trim() !== '') return text;
      } catch {
        // Falls back to the fixed message, as upstream does.
      }
  }
  return str(rule['message']) || `failed rule: ${expression}`;
}
