// ApiDefinitions: the CustomResourceDefinitions of all kinds that we define.
import { JsonPatch } from 'cdk8s';
import type { Construct } from 'constructs';
import { kinds } from '#api/registry.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import { Resource, type ResourceProps } from '../workload/resource.ts';

export class ApiDefinitions extends MeshConstruct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    for (const kind of kinds) {
      const { apiVersion, kind: kindName, metadata, spec } = kind.crd();
      new Definition(this, metadata.name, {
        apiVersion,
        kind: kindName,
        name: metadata.name,
        labels: metadata.labels,
        annotations: metadata.annotations,
        body: { spec },
      });
    }
  }
}

/** A definition is large and holds no lazy value: looking for some takes most of the time of a synthesis. */
class Definition extends Resource {
  private readonly body: ResourceProps['body'];
  private readonly operations: JsonPatch[] = [];

  constructor(scope: Construct, id: string, props: Omit<ResourceProps, 'clusterScoped'>) {
    super(scope, id, props);
    this.body = props.body;
  }

  override addJsonPatch(...operations: JsonPatch[]): void {
    this.operations.push(...operations);
  }

  override toJson(): unknown {
    const { namespace: _outsideNamespaces, ...metadata } = this.metadata.toJson() as Record<string, unknown>;
    const object = { apiVersion: this.apiVersion, kind: this.kind, metadata, ...this.body };
    return this.operations.length === 0 ? object : JsonPatch.apply(structuredClone(object), ...this.operations);
  }
}
