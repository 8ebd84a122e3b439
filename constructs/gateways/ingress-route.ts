// IngressRoute: which paths of a gateway lead to which service.
import type { Construct } from 'constructs';
import type { RequestMatch } from '../traffic/match.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { ServiceReference } from '../workload/mesh-service.ts';
import { GatewayTable } from './gateway-table.ts';
import type { IngressGateway } from './ingress-gateway.ts';

export interface IngressRouteProps<Version extends string> {
  readonly gateway: IngressGateway;
  readonly service: ServiceReference<Version>;
  /** Host that the route is for, one of the gateway's. @default the gateway's only host */
  readonly host?: string | undefined;
  /** Paths, any of which may match; a plain string is the whole path. @default every path */
  readonly paths?: readonly NonNullable<RequestMatch['path']>[] | undefined;
  /** Conditions beside the path. @default none */
  readonly match?: Omit<RequestMatch, 'path'> | undefined;
  /** @default all versions, by number of pods */
  readonly to?: NoInfer<Version> | undefined;
  /** Replaces the matched prefix or path. @default unchanged */
  readonly rewrite?: string | undefined;
  /** Limit for the whole request, such as `5s`. @default none */
  readonly timeout?: string | undefined;
  /** Routes of the same host that this one precedes, against the order of precedence. @default none */
  readonly before?: Construct | readonly Construct[] | undefined;
  /** Routes of the same host that this one follows. @default none */
  readonly after?: Construct | readonly Construct[] | undefined;
}

/** @example new IngressRoute(this, 'shop', { gateway, service: productpage, paths: ['/productpage', { prefix: '/api/v1/products' }] }); */
export class IngressRoute<Version extends string> extends MeshConstruct {
  constructor(scope: Construct, id: string, props: IngressRouteProps<Version>) {
    super(scope, id);
    const { gateway, paths } = props;
    const host = props.host ?? (gateway.hosts.length === 1 ? gateway.hosts[0] : undefined);
    if (host === undefined) {
      throw new Error(
        `IngressRoute "${this.node.path}": gateway "${gateway.name}" serves ${gateway.hosts.join(', ')}; say host:`,
      );
    }
    if (!gateway.hosts.some((served) => serves(served, host))) {
      throw new Error(
        `IngressRoute "${this.node.path}": gateway "${gateway.name}" does not serve ${host}; it serves ${gateway.hosts.join(', ')}`,
      );
    }
    const matches: RequestMatch[] = paths ? paths.map((path) => ({ ...props.match, path })) : [props.match ?? {}];
    if (matches.length === 0) {
      throw new Error(`IngressRoute "${this.node.path}": paths is empty; name paths, or leave it out for every path`);
    }
    GatewayTable.of(gateway, host).addRule(this, matches, props);
  }
}

/** Whether a host of a Gateway, optionally with a namespace in front, serves a host. */
function serves(pattern: string, host: string): boolean {
  const served = pattern.slice(pattern.indexOf('/') + 1);
  return served === '*' || served === host || (served.startsWith('*.') && host.endsWith(served.slice(1)));
}
