// VersionRoute: requests that match go to one version; without a match, all requests.
import type { Construct } from 'constructs';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { RequestMatch } from './match.ts';
import { orderOf, type RouteProps } from './route-props.ts';
import { RouteTable } from './route-table.ts';

export interface VersionRouteProps<Version extends string> extends RouteProps<Version> {
  /** @default every request */
  readonly match?: RequestMatch | undefined;
  /** The version that gets these requests. */
  readonly to: NoInfer<Version>;
}

/** @example new VersionRoute(this, 'stable', { service: reviews, to: 'v1' }); */
export class VersionRoute<Version extends string> extends MeshConstruct {
  constructor(scope: Construct, id: string, props: VersionRouteProps<Version>) {
    super(scope, id);
    RouteTable.of(props.service).addRule({
      construct: this,
      match: props.match ?? {},
      ...orderOf(props),
      shares: [{ version: props.to, weight: 100 }],
    });
  }
}
