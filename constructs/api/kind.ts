// Makes a KindDefinition (CRD, validator, type) of a spec's schema and its cross-field rules.
import type { CustomResourceDefinition, KindDefinition, ObjectMeta, PrinterColumn } from './definition.ts';
import { Findings } from './findings.ts';
import type { JsonSchema } from './json-schema.ts';
import { checkMetadata } from './metadata-rules.ts';
import { type Problem, isError, nearestName } from './problem.ts';
import type { Schema } from './schema.ts';
import { checkShape, isRecord } from './shape.ts';
import { istioStatus } from './status.ts';

/** What rules across fields may look at beside the spec. */
export interface RuleContext {
  readonly metadata: ObjectMeta;
  /** The namespace of the object, or empty where the object does not say one. */
  readonly namespace: string;
}

/** Rules that a schema cannot express. Called only with specs of valid shape. */
export type SpecRules<Spec> = (spec: Spec, path: string, findings: Findings, context: RuleContext) => void;

export interface KindOptions<Spec> {
  readonly group: string;
  readonly versions: readonly string[];
  /** Default: the first of `versions`. */
  readonly storage?: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly scope?: 'Namespaced' | 'Cluster';
  readonly columns?: readonly PrinterColumn[];
  readonly spec: Schema<Spec>;
  readonly status?: Schema;
  readonly specRequired?: boolean;
  readonly rules?: SpecRules<Spec>;
}

const age: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since the object was created.',
};

const TOP_LEVEL = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

export function defineKind<Spec>(options: KindOptions<Spec>): KindDefinition<Spec> {
  const { group, versions, kind, plural } = options;
  const storage = options.storage ?? versions[0]!;
  const status = options.status ?? istioStatus;
  const schema: JsonSchema = {
    type: 'object',
    properties: { spec: options.spec.json, status: status.json },
    ...(options.specRequired ? { required: ['spec'] } : {}),
  };
  const printerColumns = [...(options.columns ?? []), age];
  const definition: KindDefinition<Spec> = {
    group,
    version: storage,
    versions,
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: options.shortNames ?? [],
    categories: ['istio-io', group.replaceAll('.', '-')],
    scope: options.scope ?? 'Namespaced',
    schema,
    printerColumns,
    crd: () => toCrd(definition),
    validate: (object) => validateObject(options, object),
  };
  return definition;
}

function toCrd(definition: KindDefinition): CustomResourceDefinition {
  const { group, plural, kind, singular, shortNames, categories, scope, version } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      labels: { app: 'istio-pilot', chart: 'istio', heritage: 'Tiller', release: 'istio' },
      annotations: { 'helm.sh/resource-policy': 'keep' },
    },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        ...(shortNames.length > 0 ? { shortNames } : {}),
        categories,
      },
      scope,
      versions: definition.versions.map((name) => ({
        name,
        served: true,
        storage: name === version,
        subresources: { status: {} },
        additionalPrinterColumns: definition.printerColumns,
        schema: { openAPIV3Schema: definition.schema },
      })),
    },
  };
}

function validateObject<Spec>(options: KindOptions<Spec>, object: unknown): Problem[] {
  const findings = new Findings();
  if (!isRecord(object)) {
    findings.error('', 'wrong-type', 'must be an object with apiVersion, kind, metadata and spec');
    return findings.problems;
  }
  for (const name of Object.keys(object)) {
    if (TOP_LEVEL.includes(name)) continue;
    const nearest = nearestName(name, TOP_LEVEL);
    findings.error(
      name,
      'unknown-field',
      `unknown field "${name}"`,
      nearest ? `did you mean ${nearest}?` : 'does it belong under spec?',
    );
  }
  checkIdentity(options, object, findings);
  const metadata: ObjectMeta = isRecord(object.metadata) ? (object.metadata as ObjectMeta) : {};
  checkMetadata(options.kind, metadata, object, findings);
  const spec = object.spec ?? (options.specRequired ? undefined : {});
  if (spec === undefined) {
    findings.error('spec', 'required', 'is required');
    return findings.problems;
  }
  const before = findings.problems.length;
  checkShape(options.spec as Schema, spec, 'spec', findings);
  // An unknown field does not disturb the rules across fields; anything else might.
  const shaped = findings.problems
    .slice(before)
    .every((problem) => !isError(problem) || problem.code === 'unknown-field');
  if (shaped && options.rules) {
    options.rules(spec as Spec, 'spec', findings, { metadata, namespace: metadata.namespace ?? '' });
  }
  return findings.problems;
}

function checkIdentity(
  options: Pick<KindOptions<unknown>, 'group' | 'versions' | 'kind'>,
  object: Readonly<Record<string, unknown>>,
  findings: Findings,
): void {
  const served = options.versions.map((version) => `${options.group}/${version}`);
  if (typeof object.apiVersion !== 'string' || !served.includes(object.apiVersion)) {
    findings.error(
      'apiVersion',
      'unknown-version',
      `${JSON.stringify(object.apiVersion) ?? 'nothing'} is not served, use ${served.join(', ')}`,
    );
  }
  if (object.kind !== options.kind)
    findings.error('kind', 'wrong-kind', `must be ${options.kind}, got ${JSON.stringify(object.kind) ?? 'nothing'}`);
}
