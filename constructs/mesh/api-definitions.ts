// ApiDefinitions: the CustomResourceDefinitions of all kinds that we define.
import type { Construct } from 'constructs';
import { kinds } from '#api/registry.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import { Resource } from '../workload/resource.ts';

export class ApiDefinitions extends MeshConstruct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    for (const kind of kinds) {
      const { apiVersion, kind: kindName, metadata, spec } = kind.crd();
      new Resource(this, metadata.name, {
        apiVersion,
        kind: kindName,
        name: metadata.name,
        clusterScoped: true,
        labels: metadata.labels,
        annotations: metadata.annotations,
        body: { spec },
      });
    }
  }
}
