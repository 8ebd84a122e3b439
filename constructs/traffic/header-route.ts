// HeaderRoute: requests with certain headers go to one version, whatever else is declared for everybody.
import type { Construct } from 'constructs';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { RequestMatch, ValueMatch } from './match.ts';
import { orderOf, type RouteProps } from './route-props.ts';
import { RouteTable } from './route-table.ts';

export interface HeaderRouteProps<Version extends string>
  extends RouteProps<Version>,
    Pick<RequestMatch, 'path' | 'method' | 'withoutHeaders' | 'query' | 'from'> {
  /** Conditions by header name, all of which must hold; a plain string is the whole value. */
  readonly headers: Readonly<Record<string, ValueMatch>>;
  /** The version that gets these requests. */
  readonly to: NoInfer<Version>;
}

/**
 * @example new HeaderRoute(this, 'testers', { service: reviews, headers: { 'end-user': 'jason' }, to: 'v2' });
 * @see https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
 */
export class HeaderRoute<Version extends string> extends MeshConstruct {
  constructor(scope: Construct, id: string, props: HeaderRouteProps<Version>) {
    super(scope, id);
    if (Object.keys(props.headers).length === 0) {
      throw new Error(
        `HeaderRoute "${this.node.path}": headers is empty; name at least one, or use VersionRoute for everybody`,
      );
    }
    const { headers, path, method, withoutHeaders, query, from } = props;
    RouteTable.of(props.service).addRule({
      construct: this,
      match: { headers, path, method, withoutHeaders, query, from },
      ...orderOf(props),
      shares: [{ version: props.to, weight: 100 }],
    });
  }
}
