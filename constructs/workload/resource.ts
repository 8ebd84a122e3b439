// One Kubernetes object: named by us (no hash), annotated with the path of the construct that declares it.
import { ApiObject, Chart, JsonPatch } from 'cdk8s';
import type { Construct } from 'constructs';
import { Annotation } from '#api/names.ts';
import { freeScope } from './mesh-construct.ts';
import { rememberPlace } from './provenance.ts';

export interface ResourceProps {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** @default that of the chart */
  readonly namespace?: string | undefined;
  /** Set for kinds that live outside namespaces: the chart's namespace is not written. */
  readonly clusterScoped?: true | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Everything beside apiVersion, kind and metadata: `spec`, `data`, `rules`, ... */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
}

/** An ApiObject whose name is what it says. Its construct path is that of the construct that made it. */
export class Resource extends ApiObject {
  constructor(scope: Construct, id: string, props: ResourceProps) {
    super(freeScope(scope, id), id, {
      ...props.body,
      apiVersion: props.apiVersion,
      kind: props.kind,
      metadata: {
        name: props.name,
        ...(props.namespace === undefined ? {} : { namespace: props.namespace }),
        labels: { ...props.labels },
        annotations: { ...props.annotations, [Annotation.construct]: scope.node.path },
      },
    });
    rememberPlace(this);
    if (props.clusterScoped && Chart.of(this).namespace !== undefined) {
      this.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
    }
  }
}

/** Adds the construct's path to an object that another library made. */
export function annotateWith(object: ApiObject, owner: Construct): void {
  object.metadata.addAnnotation(Annotation.construct, owner.node.path);
}

/** The namespace that a construct's objects go to: its chart's, else `default`. */
export const namespaceOf = (scope: Construct): string => Chart.of(scope).namespace ?? 'default';
