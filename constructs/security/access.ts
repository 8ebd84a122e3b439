// AllowAccess and DenyAccess: who may call a service, or may not, by identity, method, path and port.
import type { Construct } from 'constructs';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { ServiceReference } from '../workload/mesh-service.ts';
import { Resource } from '../workload/resource.ts';
import { type Caller, toSources } from './callers.ts';

export interface AccessProps {
  /** The service that is called. */
  readonly to: ServiceReference;
  /** Who calls; needs mutual TLS. @default anyone */
  readonly from?: readonly [Caller, ...Caller[]] | undefined;
  /** HTTP methods. @default all */
  readonly methods?: readonly string[] | undefined;
  /** Paths; a `*` at the beginning or the end stands for anything. @default all */
  readonly paths?: readonly string[] | undefined;
  /** Ports of the container. @default all */
  readonly ports?: readonly number[] | undefined;
}

/**
 * Whoever is not allowed by any AllowAccess of the service is refused, as soon as it has one.
 * @example new AllowAccess(this, 'page', { to: reviews, from: [productpage], methods: ['GET'] });
 * @see https://istio.io/latest/docs/reference/config/security/authorization-policy/
 */
export class AllowAccess extends MeshConstruct {
  constructor(scope: Construct, id: string, props: AccessProps) {
    super(scope, id);
    addPolicy(this, 'ALLOW', props);
  }
}

/**
 * Wins over every AllowAccess.
 * @example new DenyAccess(this, 'no-deletes', { to: reviews, methods: ['DELETE'] });
 */
export class DenyAccess extends MeshConstruct {
  constructor(scope: Construct, id: string, props: AccessProps) {
    super(scope, id);
    addPolicy(this, 'DENY', props);
  }
}

function addPolicy(owner: MeshConstruct, action: 'ALLOW' | 'DENY', props: AccessProps): void {
  const { to, from } = props;
  const operation = {
    ...(props.methods ? { methods: [...props.methods].sort() } : {}),
    ...(props.paths ? { paths: [...props.paths].sort() } : {}),
    ...(props.ports ? { ports: props.ports.map(String).sort() } : {}),
  };
  for (const [name, values] of Object.entries(operation)) {
    if (values.length > 0) continue;
    throw new Error(
      `${owner.constructor.name} "${owner.node.path}": ${name} is empty; name some, or leave it out for all`,
    );
  }
  const rule = {
    ...(from ? { from: toSources(from) } : {}),
    ...(Object.keys(operation).length > 0 ? { to: [{ operation }] } : {}),
  };
  new Resource(owner, 'policy', {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    name: `${to.serviceName}-${owner.node.id}`,
    namespace: to.namespace,
    body: { spec: { selector: { matchLabels: to.selector }, action, rules: [rule] } },
  });
}
