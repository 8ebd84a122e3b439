// CanaryRelease: a share of the requests goes to the new version. A function of its props: the weight is in git, a step is a commit.
import type { Construct } from 'constructs';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { RequestMatch } from './match.ts';
import { orderOf, type RouteProps } from './route-props.ts';
import { RouteTable } from './route-table.ts';

export interface CanaryReleaseProps<Version extends string> extends RouteProps<Version> {
  /** The version that everybody had. */
  readonly stable: NoInfer<Version>;
  /** The version that is tried out. */
  readonly canary: NoInfer<Version>;
  /** Share of the canary in whole percent, 0 to 100. */
  readonly weight: number;
  /** Which requests take part. @default every request */
  readonly match?: RequestMatch | undefined;
}

/** @example new CanaryRelease(this, 'rollout', { service: reviews, stable: 'v1', canary: 'v3', weight: 10 }); */
export class CanaryRelease<Version extends string> extends MeshConstruct {
  constructor(scope: Construct, id: string, props: CanaryReleaseProps<Version>) {
    super(scope, id);
    const { stable, canary, weight } = props;
    if (!Number.isInteger(weight) || weight < 0 || weight > 100) {
      throw new Error(`CanaryRelease "${this.node.path}": weight is ${weight}; use whole percent, 0 to 100`);
    }
    if ((stable as string) === canary) {
      throw new Error(`CanaryRelease "${this.node.path}": stable and canary are both "${stable}"; name two versions`);
    }
    RouteTable.of(props.service).addRule({
      construct: this,
      match: props.match ?? {},
      ...orderOf(props),
      shares: [
        { version: stable, weight: 100 - weight },
        { version: canary, weight },
      ],
    });
  }
}
