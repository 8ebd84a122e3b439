// From a tree of constructs to objects and files: checked, in the order in which to apply, one file per object. Pure.
import { ApiObject, type App, Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { Annotation } from '#api/names.ts';
import { formatProblem, isError } from '#api/problem.ts';
import { tryKindOf } from '#api/registry.ts';
import { applyRank, isClusterScoped } from './apply-order.ts';
import { toYamlText } from './mesh/yaml-text.ts';
import { describeConstruct } from './workload/provenance.ts';

/** A Kubernetes object as it is applied. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
  readonly [key: string]: unknown;
}

export interface SynthesisedObject {
  readonly manifest: Manifest;
  /** Id of the chart. */
  readonly app: string;
  /** The construct that declares the object. */
  readonly construct: IConstruct;
}

/** Synthesis that failed: every reason, each with construct and place. */
export class SynthesisError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `synthesis found ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n  ${problems.join('\n  ')}`,
    );
    this.name = 'SynthesisError';
    this.problems = problems;
  }
}

/** All objects below an app, in the order in which to apply. Throws SynthesisError with everything that is wrong. */
export function objectsOf(app: App): readonly SynthesisedObject[] {
  const problems: string[] = [];
  const objects: SynthesisedObject[] = [];
  const byIdentity = new Map<string, SynthesisedObject>();
  for (const construct of app.node.findAll()) {
    for (const text of construct.node.validate()) problems.push(`${describeConstruct(construct)}: ${text}`);
    if (!ApiObject.isApiObject(construct)) continue;
    const object = synthesise(construct, problems);
    if (!object) continue;
    const identity = identityOf(object.manifest);
    const other = byIdentity.get(identity);
    if (other) {
      problems.push(
        `${identity} is declared twice: by ${describeConstruct(other.construct)} and ${describeConstruct(object.construct)}; rename or remove one`,
      );
      continue;
    }
    byIdentity.set(identity, object);
    objects.push(object);
  }
  if (problems.length > 0) throw new SynthesisError(problems);
  return objects.sort(
    (a, b) =>
      applyRank(a.manifest) - applyRank(b.manifest) || compareText(identityOf(a.manifest), identityOf(b.manifest)),
  );
}

function synthesise(object: ApiObject, problems: string[]): SynthesisedObject | undefined {
  const construct = object.node.scope ?? object;
  let manifest: Manifest;
  try {
    manifest = sorted(object.toJson()) as Manifest;
  } catch (error) {
    problems.push(reasonOf(error));
    return undefined;
  }
  const annotated = manifest.metadata.annotations?.[Annotation.construct] !== undefined;
  if (!annotated) {
    const annotations = { ...manifest.metadata.annotations, [Annotation.construct]: construct.node.path };
    manifest = { ...manifest, metadata: sorted({ ...manifest.metadata, annotations }) as Manifest['metadata'] };
  }
  if (manifest.metadata.namespace === undefined && !isClusterScoped(manifest)) {
    problems.push(
      `${describeConstruct(construct)}: ${manifest.kind} "${manifest.metadata.name}" has no namespace; give its chart one: { namespace: 'default' }`,
    );
  }
  const kind = tryKindOf(manifest.apiVersion, manifest.kind);
  for (const problem of kind?.validate(manifest) ?? []) {
    if (!isError(problem)) continue;
    problems.push(
      `${describeConstruct(construct)}: ${manifest.kind} "${manifest.metadata.name}": ${formatProblem(problem)}`,
    );
  }
  return { manifest, app: Chart.of(object).node.id, construct };
}

/** cdk8s wraps what a lazy value throws: `Failed serializing construct at path '...' with name '...': Error: why`. */
const reasonOf = (error: unknown): string =>
  (error as Error).message.replace(/^Failed serializing construct at path '[^']*' with name '[^']*': (Error: )?/, '');

export const identityOf = ({ apiVersion, kind, metadata }: Manifest): string =>
  `${groupOf(apiVersion)}.${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;

const groupOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : 'core';

/** `<app>/<namespace or _cluster>/<group>.<Kind>.<name>.yaml` */
export function manifestPath({ app, manifest }: SynthesisedObject): string {
  const { apiVersion, kind, metadata } = manifest;
  const name = metadata.name.replace(/[^A-Za-z0-9._-]/g, '_');
  return `${app}/${metadata.namespace ?? '_cluster'}/${groupOf(apiVersion)}.${kind}.${name}.yaml`;
}

/** One file per object, sorted by path; two objects that would share a file are an error. */
export function toManifestFiles(objects: readonly SynthesisedObject[]): ReadonlyMap<string, string> {
  const owners = new Map<string, SynthesisedObject>();
  const files: [string, string][] = [];
  for (const object of objects) {
    const path = manifestPath(object);
    // Folders of a file system may not tell upper from lower case.
    const other = owners.get(path.toLowerCase());
    if (other) {
      throw new SynthesisError([
        `${identityOf(object.manifest)} and ${identityOf(other.manifest)} would share the file ${path}: ` +
          `${describeConstruct(object.construct)} and ${describeConstruct(other.construct)}; rename one`,
      ]);
    }
    owners.set(path.toLowerCase(), object);
    files.push([path, `# from ${declaredBy(object)} by rigging; do not edit\n${toText(object.manifest)}`]);
  }
  return new Map(files.sort(([a], [b]) => compareText(a, b)));
}

/** The construct that a reader of the program knows, as the annotation has it. */
const declaredBy = ({ manifest, construct }: SynthesisedObject): string =>
  manifest.metadata.annotations?.[Annotation.construct] ?? construct.node.path;

/** apiVersion, kind and metadata first, then the rest by name. */
function toText(manifest: Manifest): string {
  const { apiVersion, kind, metadata, ...rest } = manifest;
  return [
    { apiVersion },
    { kind },
    { metadata },
    ...Object.keys(rest)
      .sort()
      .map((key) => ({ [key]: rest[key] })),
  ]
    .map(toYamlText)
    .join('');
}

/** The value with the keys of every object in order, and nothing undefined. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => compareText(a, b)).map(([key, each]) => [key, sorted(each)]));
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
