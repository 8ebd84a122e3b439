// A kind as users, API servers and tools see it. One definition yields the schema, the TypeScript type, the CRD and the validator.
import type { JsonSchema } from './json-schema.ts';
import type { Problem } from './problem.ts';

/** Column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description?: string | undefined;
  /** 0 shows always; above 0 only with `-o wide`. */
  readonly priority?: number | undefined;
}

export interface ObjectMeta {
  readonly name?: string | undefined;
  readonly generateName?: string | undefined;
  readonly namespace?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly generation?: number | undefined;
}

/** An object of a kind, as it is applied and stored. */
export interface ApiResource<Spec = unknown, Status = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: Spec | undefined;
  readonly status?: Status | undefined;
}

export interface KindDefinition<Spec = unknown> {
  readonly group: string;
  /** The stored version: what constructs write. */
  readonly version: string;
  /** All served versions, the preferred one first. Field sets are identical between them. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster';
  /** Structural OpenAPI v3 schema of the whole object (spec and status). */
  readonly schema: JsonSchema;
  readonly printerColumns: readonly PrinterColumn[];
  /** The apiextensions.k8s.io/v1 CustomResourceDefinition, ready to apply. */
  crd(): CustomResourceDefinition;
  /** Everything wrong with an object: shape, unknown fields (with the nearest valid name), then rules across fields. */
  validate(object: unknown): Problem[];
  /** Never set: carries the type of the spec. */
  readonly specType?: Spec;
}

/** The parts of a CustomResourceDefinition that we write. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: {
    readonly name: string;
    readonly labels: Record<string, string>;
    readonly annotations: Record<string, string>;
  };
  readonly spec: {
    readonly group: string;
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames?: readonly string[];
      readonly categories?: readonly string[];
    };
    readonly scope: 'Namespaced' | 'Cluster';
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly subresources: { readonly status: Record<string, never> };
      readonly additionalPrinterColumns: readonly PrinterColumn[];
      readonly schema: { readonly openAPIV3Schema: JsonSchema };
    }[];
  };
}
