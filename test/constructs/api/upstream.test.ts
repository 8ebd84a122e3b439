// Our definitions against @kubernetes-models/istio, which is generated from Istio's CRDs: what it knows, we know; what it refuses, we refuse.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import type { KindDefinition } from '../../../constructs/api/definition.ts';
import type { JsonSchema } from '../../../constructs/api/json-schema.ts';
import { kinds } from '../../../constructs/api/registry.ts';

/** Fields that Istio gained after the release from which the package was generated; ours comes from its main branch. */
const NEWER_THAN_PACKAGE =
  /\.(redirect\.prefixRewrite|http2KeepAlive|backendUtilization|zoneAwareLbSetting|outlierDetectionHttpErrorCodes|budgetInterval|ecdhCurves|caCrl|(servers|ingress)\[\]\.tls\.insecureSkipVerify|source\.trustDomains|source\.notTrustDomains|jwtRules\[\]\.presence)($|[.[])/;

const root = join(import.meta.dirname, '../../../node_modules/@kubernetes-models/istio');

/** Paths of all fields of the spec in the package's declarations, list items as `[]`, map values as `{}`. */
function upstreamFields(kind: KindDefinition, version: string): Map<string, string> {
  const file = join(root, `${kind.group}/${version}/${kind.kind}.d.ts`);
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = new Map<string, string>();
  const visitType = (type: ts.TypeNode, path: string): void => {
    if (ts.isTypeLiteralNode(type)) {
      for (const member of type.members) visitMember(member, path);
    } else if (ts.isArrayTypeNode(type)) visitType(type.elementType, `${path}[]`);
    else if (ts.isParenthesizedTypeNode(type)) visitType(type.type, path);
    else if (ts.isUnionTypeNode(type) || ts.isIntersectionTypeNode(type))
      for (const each of type.types) visitType(each, path);
    else if (ts.isTypeReferenceNode(type)) {
      const inner = type.typeName.getText() === 'Array' ? `${path}[]` : path;
      for (const each of type.typeArguments ?? []) visitType(each, inner);
    }
  };
  const visitMember = (member: ts.TypeElement, path: string): void => {
    if (ts.isIndexSignatureDeclaration(member)) visitType(member.type, `${path}{}`);
    if (!ts.isPropertySignature(member) || !member.type) return;
    const name = `${path}.${(member.name as ts.Identifier).text}`;
    found.set(name, member.type.getText());
    visitType(member.type, name);
  };
  source.forEachChild((node) => {
    if (!ts.isInterfaceDeclaration(node) || node.name.text !== `I${kind.kind}`) return;
    for (const member of node.members) {
      if (ts.isPropertySignature(member) && (member.name as ts.Identifier).text === 'spec')
        visitType(member.type!, 'spec');
    }
  });
  return found;
}

function ourFields(schema: JsonSchema, path: string, found = new Map<string, JsonSchema>()): Map<string, JsonSchema> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    found.set(`${path}.${name}`, field);
    ourFields(field, `${path}.${name}`, found);
  }
  if (schema.items) ourFields(schema.items, `${path}[]`, found);
  if (typeof schema.additionalProperties === 'object') ourFields(schema.additionalProperties, `${path}{}`, found);
  return found;
}

type Validator = (value: unknown) => boolean;
async function upstreamValidator(kind: KindDefinition, version: string): Promise<Validator> {
  const group = kind.group
    .split('.')
    .map((part) => part[0]!.toUpperCase() + part.slice(1))
    .join('');
  const name = `${group}${version[0]!.toUpperCase()}${version.slice(1)}${kind.kind}`;
  return ((await import(join(root, `_schemas/${name}.js`))) as { validate: Validator }).validate;
}

const valueOfWrongType = (schema: JsonSchema): unknown =>
  schema.type === 'string' ? 1 : schema.type === 'array' ? {} : schema.type === 'object' ? [] : 'x';

/** A smallest object that has the field at `path`, holding `value`. */
function objectWith(kind: KindDefinition, version: string, path: string, value: unknown): object {
  const steps = path.replace(/^spec/, '').match(/\.[^.[{]+|\[\]|\{\}/g) ?? [];
  const build = (index: number, schema: JsonSchema): unknown => {
    if (index === steps.length) return value;
    const step = steps[index]!;
    if (step === '[]') return [build(index + 1, schema.items!)];
    if (step === '{}') return { k: build(index + 1, schema.additionalProperties as JsonSchema) };
    const name = step.slice(1);
    const required = Object.fromEntries(
      (schema.required ?? []).map((each) => [each, sample(schema.properties![each]!)]),
    );
    return { ...required, [name]: build(index + 1, schema.properties![name]!) };
  };
  return {
    apiVersion: `${kind.group}/${version}`,
    kind: kind.kind,
    metadata: { name: 'x' },
    spec: build(0, kind.schema.properties!.spec!),
  };
}

function sample(schema: JsonSchema): unknown {
  if (schema.enum) return schema.enum[0];
  if (schema.type === 'string') return 'a';
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 1;
  if (schema.type === 'boolean') return true;
  if (schema.type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items!));
  return Object.fromEntries((schema.required ?? []).map((each) => [each, sample(schema.properties![each]!)]));
}

describe.each(kinds.map((kind) => [kind.kind, kind] as const))('%s', (_name, kind) => {
  test.each(kind.versions)('%s: every field that upstream knows, we know', (version) => {
    const ours = ourFields(kind.schema.properties!.spec!, 'spec');
    const upstream = upstreamFields(kind, version);
    expect(upstream.size).toBeGreaterThan(3);
    expect([...upstream.keys()].filter((path) => !ours.has(path))).toEqual([]);
  });

  test('we know nothing that upstream does not', () => {
    const upstream = upstreamFields(kind, kind.version);
    const ours = [...ourFields(kind.schema.properties!.spec!, 'spec').keys()];
    expect(ours.filter((path) => !upstream.has(path) && !NEWER_THAN_PACKAGE.test(path))).toEqual([]);
  });

  test('a value of a wrong type is refused wherever upstream refuses it, and accepted types agree', async () => {
    const validate = await upstreamValidator(kind, kind.version);
    const disagreements: string[] = [];
    for (const [path, schema] of ourFields(kind.schema.properties!.spec!, 'spec')) {
      if (NEWER_THAN_PACKAGE.test(path)) continue;
      const wrong = objectWith(kind, kind.version, path, valueOfWrongType(schema));
      const shape = kind.validate(wrong).filter((problem) => problem.code === 'wrong-type');
      if (!validate(wrong) && shape.length === 0)
        disagreements.push(`${path}: upstream refuses the wrong type, we do not`);
      for (const choice of [...(schema.enum ?? []), 'NOT_A_CHOICE']) {
        if (!schema.enum) break;
        const object = objectWith(kind, kind.version, path, choice);
        const refused = kind
          .validate(object)
          .some(
            (problem) => problem.code === 'unknown-value' && problem.path.endsWith(path.slice(path.lastIndexOf('.'))),
          );
        if (validate(object) === refused) disagreements.push(`${path}: ${choice}`);
      }
      for (const limit of [schema.minimum, schema.maximum]) {
        if (limit === undefined || schema.type === undefined) continue;
        for (const number of [limit - 1, limit, limit + 1]) {
          const object = objectWith(kind, kind.version, path, number);
          const refused = kind.validate(object).some((problem) => problem.code === 'out-of-range');
          if (!validate(object) && !refused) disagreements.push(`${path}: ${number}`);
        }
      }
    }
    expect(disagreements).toEqual([]);
  });

  test('required fields are those of upstream', async () => {
    const validate = await upstreamValidator(kind, kind.version);
    const fields = [
      ['spec', kind.schema.properties!.spec!] as const,
      ...ourFields(kind.schema.properties!.spec!, 'spec'),
    ];
    const disagreements = fields
      .filter(([path, schema]) => schema.properties && !path.endsWith('{}'))
      .filter(([path]) => {
        const object = objectWith(kind, kind.version, path, {});
        const ours = kind
          .validate(object)
          .some(
            (problem) =>
              problem.code === 'required' &&
              problem.message === 'is required' &&
              problem.path.startsWith(path.replaceAll('[]', '[0]')),
          );
        return !validate(object) && !ours;
      });
    expect(disagreements.map(([path]) => path)).toEqual([]);
  });
});
