// OpenAPI v2 and v3 documents: built-in shapes with their texts, and the schemas of custom resources.
import { createHash } from 'node:crypto';
import { apiVersionOf, type ResourceDefinition } from '../kinds/definition.ts';
import type { ResourceRegistry } from '../kinds/registry.ts';
import { type Fields, isFields } from '../object.ts';
import { definitions, type Schema, shapeNameOf } from '../shapes/shapes.ts';

const info = { title: 'Kubernetes', version: 'v1.34.0' };
const customName = (definition: ResourceDefinition): string =>
  `${[...definition.group.split('.')].reverse().join('.')}.${definition.version}.${definition.kind}`;
export const definitionName = (definition: ResourceDefinition): string =>
  definition.custom === undefined
    ? (shapeNameOf(definition.group, definition.version, definition.kind) ?? '')
    : customName(definition);

const gvk = (definition: ResourceDefinition): Fields => ({
  group: definition.group,
  version: definition.version,
  kind: definition.kind,
});

function customSchema(definition: ResourceDefinition): Fields {
  const schema = definition.schema as Fields;
  return {
    ...schema,
    properties: {
      apiVersion: {
        type: 'string',
        description: 'Group and version of the object.',
      },
      kind: {
        type: 'string',
        description: 'Kind of the object.',
      },
      ...(isFields(schema['properties']) ? schema['properties'] : {}),
      metadata: {
        $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
        description: "Standard object's metadata.",
      },
    },
    'x-kubernetes-group-version-kind': [gvk(definition)],
  };
}

/** References of v2 in the form of v3; a reference with siblings becomes allOf. */
function toV3(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toV3);
  if (!isFields(value)) return value;
  if (typeof value['$ref'] === 'string') {
    const ref = { $ref: value['$ref'].replace('#/definitions/', '#/components/schemas/') };
    const { $ref: _, ...rest } = value;
    return Object.keys(rest).length === 0 ? ref : { ...rest, allOf: [ref] };
  }
  const result: Fields = {};
  for (const [key, child] of Object.entries(value)) result[key] = toV3(child);
  if (result['format'] === 'int-or-string') {
    delete result['type'];
    result['oneOf'] = [{ type: 'integer' }, { type: 'string' }];
  }
  return result;
}

function collect(name: string, into: Map<string, Fields>): void {
  if (into.has(name) || definitions[name] === undefined) return;
  into.set(name, definitions[name]!);
  const walk = (schema: Schema): void => {
    if (typeof schema.$ref === 'string') collect(schema.$ref.slice('#/definitions/'.length), into);
    for (const child of Object.values(schema.properties ?? {})) walk(child);
    if (schema.items !== undefined) walk(schema.items);
    if (typeof schema.additionalProperties === 'object') walk(schema.additionalProperties);
  };
  walk(definitions[name]!);
}

const pathOf = (definition: ResourceDefinition): string =>
  `${definition.group === '' ? '/api' : `/apis/${definition.group}`}/${definition.version}${definition.namespaced ? '/namespaces/{namespace}' : ''}/${definition.resource}`;

/** Operations, so far as clients look for them: verbs and the fieldValidation parameter. */
function operations(definition: ResourceDefinition, ref: Fields, isV3: boolean): Fields {
  const parameter = (name: string): Fields =>
    isV3 ? { name, in: 'query', schema: { type: 'string' } } : { name, in: 'query', type: 'string' };
  const action = (verb: string): Fields => ({
    operationId: `${verb}${definition.version}${definition.kind}`,
    'x-kubernetes-action': verb,
    'x-kubernetes-group-version-kind': gvk(definition),
    parameters: ['dryRun', 'fieldManager', 'fieldValidation'].map(parameter),
    responses: {
      200: isV3
        ? { description: 'OK', content: { 'application/json': { schema: ref } } }
        : { description: 'OK', schema: ref },
    },
  });
  const base = pathOf(definition);
  return {
    [base]: { get: action('list'), post: action('post'), delete: action('deletecollection') },
    [`${base}/{name}`]: { get: action('get'), put: action('put'), patch: action('patch'), delete: action('delete') },
  };
}

export class OpenApi {
  readonly #registry: ResourceRegistry;
  readonly #cache = new Map<string, { readonly generation: number; readonly text: string; readonly hash: string }>();

  constructor(registry: ResourceRegistry) {
    this.#registry = registry;
  }

  #cached(key: string, make: () => unknown): { text: string; hash: string } {
    const found = this.#cache.get(key);
    if (found !== undefined && found.generation === this.#registry.generation) return found;
    const text = JSON.stringify(make());
    const entry = {
      generation: this.#registry.generation,
      text,
      hash: createHash('sha512').update(text).digest('hex').toUpperCase(),
    };
    this.#cache.set(key, entry);
    return entry;
  }

  v2(): { text: string; hash: string } {
    return this.#cached('v2', () => {
      const all: Fields = Object.fromEntries(Object.keys(definitions).map((name) => [name, definitions[name]!]));
      const paths: Fields = {};
      for (const definition of this.#registry.all) {
        const name = definitionName(definition);
        if (definition.custom !== undefined) all[name] = customSchema(definition);
        Object.assign(paths, operations(definition, { $ref: `#/definitions/${name}` }, false));
      }
      return { swagger: '2.0', info, paths, definitions: all };
    });
  }

  /** Index of v3 documents, each with the hash of its content. */
  v3Index(): Fields {
    const versions = new Set(
      this.#registry.all.map((item) =>
        item.group === '' ? `api/${item.version}` : `apis/${item.group}/${item.version}`,
      ),
    );
    return {
      paths: Object.fromEntries(
        [...versions].map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${this.v3(path)!.hash}` }]),
      ),
    };
  }

  v3(path: string): { text: string; hash: string } | undefined {
    const served = this.#registry.all.filter(
      (item) => `${item.group === '' ? 'api' : 'apis'}/${apiVersionOf(item)}` === path,
    );
    if (served.length === 0) return undefined;
    return this.#cached(`v3/${path}`, () => {
      const schemas = new Map<string, Fields>();
      const paths: Fields = {};
      for (const definition of served) {
        const name = definitionName(definition);
        if (definition.custom === undefined) {
          collect(name, schemas);
          collect(`${name}List`, schemas);
        } else {
          schemas.set(name, customSchema(definition));
          collect('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', schemas);
        }
        Object.assign(paths, operations(definition, { $ref: `#/components/schemas/${name}` }, true));
      }
      for (const extra of ['DeleteOptions', 'Status', 'Patch'])
        collect(`io.k8s.apimachinery.pkg.apis.meta.v1.${extra}`, schemas);
      return { openapi: '3.0.0', info, paths, components: { schemas: toV3(Object.fromEntries(schemas)) } };
    });
  }
}
