// MeshNamespace: a namespace whose pods get a sidecar.
import type { Construct } from 'constructs';
import { Label } from '#api/names.ts';
import { MeshConstruct } from './mesh-construct.ts';
import { Resource } from './resource.ts';

export interface MeshNamespaceProps {
  /** @default the id of the construct */
  readonly name?: string | undefined;
  /** Whether pods get a sidecar: `true`, `false` (never, whatever a pod's label says), or the name of a revision. @default true */
  readonly injection?: boolean | string | undefined;
  /** @default {} */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export class MeshNamespace extends MeshConstruct {
  readonly name: string;

  constructor(scope: Construct, id: string, props: MeshNamespaceProps = {}) {
    super(scope, id);
    this.name = props.name ?? id;
    const injection = props.injection ?? true;
    const label =
      typeof injection === 'string'
        ? { [Label.revision]: injection }
        : { [Label.injection]: injection ? 'enabled' : 'disabled' };
    new Resource(this, 'namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      name: this.name,
      clusterScoped: true,
      labels: { ...label, ...props.labels },
    });
  }
}
