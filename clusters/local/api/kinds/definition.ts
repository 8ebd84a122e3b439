// What the server knows of one kind: names, verbs, subresources, and the rules of its group's file.
import type { FieldProblems } from '../field-problems.ts';
import type { ApiObject, Fields } from '../object.ts';
import type { Schema } from '../shapes/shapes.ts';

/** One column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type?: 'string' | 'integer' | 'date' | 'number' | 'boolean' | undefined;
  readonly format?: string | undefined;
  readonly description?: string | undefined;
  /** Shown with `-o wide` only. */
  readonly wide?: boolean | undefined;
  cell(object: ApiObject): unknown;
}

export interface KindRules {
  /** Fills in what upstream fills in; runs on every write. */
  defaults?(object: ApiObject): void;
  /** Runs once before an object is first stored, after defaults. */
  prepareCreate?(object: ApiObject): void;
  /** Runs before an update is stored: carries over what clients may not change. */
  prepareUpdate?(object: ApiObject, before: ApiObject): void;
  validate?(object: ApiObject, problems: FieldProblems): void;
  validateUpdate?(object: ApiObject, before: ApiObject, problems: FieldProblems): void;
  readonly columns?: readonly Column[] | undefined;
  /** Fields for field selectors beyond metadata.name and metadata.namespace. */
  readonly selectable?: { readonly [path: string]: (object: ApiObject) => string } | undefined;
  /** Whether names must be DNS labels rather than subdomains; a function says what is wrong otherwise. */
  readonly nameRule?: 'label' | 'subdomain' | 'label1035' | 'path' | undefined;
  /** Grace period of a DELETE in seconds; kinds without it vanish at once. */
  readonly gracePeriodSeconds?: ((object: ApiObject) => number) | undefined;
}

export interface ScaleRules {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  readonly selector?: string | undefined;
}

export interface ResourceDefinition {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly hasStatus: boolean;
  /** Whether metadata.generation counts changes outside metadata and status. */
  readonly hasGeneration: boolean;
  readonly scale?: ScaleRules | undefined;
  /** Further subresources, with the kind that they answer. */
  readonly subresources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly verbs: readonly string[];
    readonly group?: string;
    readonly version?: string;
  }[];
  /** 'group/resource': versions of one resource share their objects. */
  readonly storage: string;
  readonly schema: Schema;
  readonly rules: KindRules;
  /** Set for resources of a CustomResourceDefinition. */
  readonly custom?: CustomRules | undefined;
  /** Between the stored version and this one. */
  readonly conversion?:
    | { fromStored(object: ApiObject): ApiObject; toStored(object: ApiObject): ApiObject }
    | undefined;
}

export interface CustomRules {
  readonly crdName: string;
  readonly preserveUnknown: boolean;
  validate(object: ApiObject, before: ApiObject | undefined, problems: FieldProblems): void;
  default(object: Fields): void;
}

export const apiVersionOf = (definition: { readonly group: string; readonly version: string }): string =>
  definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;

export const standardVerbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
] as const;
