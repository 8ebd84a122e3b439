// MeshMtls: whether plain text is still taken, by the whole mesh, a namespace or one service.
import type { Construct } from 'constructs';
import { SYSTEM_NAMESPACE } from '#api/names.ts';
import type { PeerAuthenticationSpec } from '#api/peer-authentication.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { ServiceReference } from '../workload/mesh-service.ts';
import { namespaceOf, Resource } from '../workload/resource.ts';

export interface MeshMtlsProps {
  /** STRICT refuses plain text, PERMISSIVE takes both, DISABLE takes plain text only. */
  readonly mode: 'STRICT' | 'PERMISSIVE' | 'DISABLE';
  /** `mesh`, `namespace` (that of the chart), or one service. @default 'namespace' */
  readonly scope?: 'mesh' | 'namespace' | ServiceReference | undefined;
  /** Modes of single ports of the container; only with a service as scope. @default none */
  readonly ports?: Readonly<Record<number, 'STRICT' | 'PERMISSIVE' | 'DISABLE'>> | undefined;
}

/**
 * @example new MeshMtls(this, 'mtls', { mode: 'STRICT' });
 * @see https://istio.io/latest/docs/reference/config/security/peer_authentication/
 */
export class MeshMtls extends MeshConstruct {
  constructor(scope: Construct, id: string, props: MeshMtlsProps) {
    super(scope, id);
    const target = props.scope ?? 'namespace';
    const ofService = typeof target === 'object';
    if (props.ports && !ofService) {
      throw new Error(`MeshMtls "${this.node.path}": ports needs a service as scope; say scope: service`);
    }
    const spec: PeerAuthenticationSpec = {
      ...(ofService ? { selector: { matchLabels: target.selector } } : {}),
      mtls: { mode: props.mode },
      ...(props.ports
        ? { portLevelMtls: Object.fromEntries(Object.entries(props.ports).map(([port, mode]) => [port, { mode }])) }
        : {}),
    };
    new Resource(this, 'policy', {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      // One of a mesh or namespace is in force; Istio's convention is to name it so.
      name: ofService ? target.serviceName : 'default',
      namespace: ofService ? target.namespace : target === 'mesh' ? SYSTEM_NAMESPACE : namespaceOf(this),
      body: { spec },
    });
  }
}
