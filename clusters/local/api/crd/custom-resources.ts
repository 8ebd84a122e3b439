// CustomResourceDefinitions to served resources: names, schemas, CEL rules, printer columns, scale and status.
import type { FieldProblems } from '../field-problems.ts';
import { ageColumn, ageOf, nameColumn } from '../kinds/columns.ts';
import type { Column, ResourceDefinition } from '../kinds/definition.ts';
import { type ApiObject, at, type Fields, isEqual, isFields, nowText, rec, recs, str, strings } from '../object.ts';
import { objectMetaShape, type Schema } from '../shapes/shapes.ts';
import { runCelRules } from './cel-rules.ts';
import { readJsonPath } from './json-path.ts';
import { applyDefaults, validateSchema } from './structural.ts';

/** Faults of shape after which rules would stumble. */
const stopsRules: ReadonlySet<string> = new Set([
  'FieldValueRequired',
  'FieldValueTypeInvalid',
  'FieldValueNotSupported',
  'FieldValueTooMany',
  'FieldValueTooLong',
]);
const unchecked = {
  type: 'FieldValueInvalid',
  field: '<nil>',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
} as const;

export function definitionsOf(crd: ApiObject): ResourceDefinition[] {
  const spec = rec(crd['spec']);
  const names = rec(spec['names']);
  const group = str(spec['group']);
  return recs(spec['versions'])
    .filter((version) => version['served'] !== false)
    .map((version): ResourceDefinition => {
      const root = (at(version, 'schema', 'openAPIV3Schema') ?? {}) as Schema;
      const subresources = rec(version['subresources']);
      const scale = subresources['scale'];
      const schema: Schema = {
        ...root,
        type: 'object',
        properties: {
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          ...root.properties,
          metadata: objectMetaShape,
        },
      };
      const hasRules = JSON.stringify(root).includes('"x-kubernetes-validations"');
      const preserveUnknown =
        spec['preserveUnknownFields'] === true || root['x-kubernetes-preserve-unknown-fields'] === true;
      return {
        group,
        version: str(version['name']),
        resource: str(names['plural']),
        singular: str(names['singular']),
        kind: str(names['kind']),
        listKind: str(names['listKind']) || `${str(names['kind'])}List`,
        namespaced: spec['scope'] !== 'Cluster',
        shortNames: strings(names['shortNames']),
        categories: strings(names['categories']),
        hasStatus: isFields(subresources['status']),
        hasGeneration: true,
        subresources: [],
        scale: isFields(scale)
          ? {
              specReplicas: str(scale['specReplicasPath']),
              statusReplicas: str(scale['statusReplicasPath']),
              selector: str(scale['labelSelectorPath']) || undefined,
            }
          : undefined,
        storage: `${group}/${str(names['plural'])}`,
        schema,
        rules: { columns: columnsOf(version), selectable: selectableOf(version) },
        custom: {
          crdName: crd.metadata.name,
          preserveUnknown,
          default: (object: Fields) => applyDefaults(object, { ...root, properties: { ...root.properties } }),
          validate(object: ApiObject, before: ApiObject | undefined, problems: FieldProblems) {
            const first = problems.all.length;
            validateSchema(object, root, '', problems);
            if (problems.all.length === first) runCelRules(object, before, root, problems);
            else if (hasRules && problems.all.slice(first).some((problem) => stopsRules.has(problem.type)))
              problems.all.push(unchecked);
          },
        },
      };
    });
}

function selectableOf(version: Fields): Record<string, (object: ApiObject) => string> {
  return Object.fromEntries(
    recs(version['selectableFields']).map((field) => {
      const path = str(field['jsonPath']);
      return [path.replace(/^\./, ''), (object: ApiObject) => String(readJsonPath(object, path)[0] ?? '')];
    }),
  );
}

function columnsOf(version: Fields): Column[] {
  const extra = recs(version['additionalPrinterColumns']);
  if (extra.length === 0) return [nameColumn, ageColumn];
  return [
    nameColumn,
    ...extra.map((item): Column => {
      const path = str(item['jsonPath']);
      const type = str(item['type']) as NonNullable<Column['type']>;
      return {
        name: str(item['name']),
        type,
        format: str(item['format']),
        description: str(item['description']),
        wide: typeof item['priority'] === 'number' && item['priority'] > 0,
        cell(object) {
          const values = readJsonPath(object, path);
          const value = values[0];
          if (value === undefined || value === null) return null;
          if (type === 'date') return ageOf(value);
          if (type === 'integer' || type === 'number') return Number(value);
          if (type === 'boolean') return value;
          return values.length > 1 ? values.map(textOf).join(',') : textOf(value);
        },
      };
    }),
  ];
}
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Conditions and accepted names of a CRD that the server takes; undefined when they are already there. */
export function acceptedStatus(crd: ApiObject, others: readonly ApiObject[]): Fields | undefined {
  const names = rec(at(crd, 'spec', 'names'));
  const group = at(crd, 'spec', 'group');
  const rival = others.find(
    (other) =>
      other.metadata.uid !== crd.metadata.uid &&
      at(other, 'spec', 'group') === group &&
      at(other, 'spec', 'names', 'kind') === names['kind'] &&
      recs(at(other, 'status', 'conditions')).some(
        (condition) => condition['type'] === 'NamesAccepted' && condition['status'] === 'True',
      ),
  );
  const old = rec(crd['status']);
  const condition = (type: string, isTrue: boolean, reason: string, message: string): Fields => {
    const before = recs(old['conditions']).find((item) => item['type'] === type);
    const wanted = isTrue ? 'True' : 'False';
    const since = before?.['status'] === wanted ? before['lastTransitionTime'] : nowText();
    return { type, status: wanted, lastTransitionTime: since, reason, message };
  };
  const stored = recs(at(crd, 'spec', 'versions'))
    .filter((version) => version['storage'] === true)
    .map((version) => version['name']);
  const status: Fields = {
    conditions:
      rival === undefined
        ? [
            condition('NamesAccepted', true, 'NoConflicts', 'no conflicts found'),
            condition('Established', true, 'InitialNamesAccepted', 'the initial names have been accepted'),
          ]
        : [
            condition('NamesAccepted', false, 'KindConflict', `${JSON.stringify(names['kind'])} is already in use`),
            condition('Established', false, 'NotAccepted', 'not all names are accepted'),
          ],
    acceptedNames: rival === undefined ? names : { plural: '', kind: '' },
    storedVersions: [...new Set([...strings(old['storedVersions']), ...stored])],
  };
  return isEqual(status, old) ? undefined : status;
}

export const isEstablished = (crd: ApiObject): boolean =>
  recs(at(crd, 'status', 'conditions')).some(
    (condition) => condition['type'] === 'Established' && condition['status'] === 'True',
  );
