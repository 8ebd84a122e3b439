// TrafficSplit: requests are shared out between versions by weight.
import type { Construct } from 'constructs';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { RequestMatch } from './match.ts';
import { orderOf, type RouteProps } from './route-props.ts';
import { RouteTable } from './route-table.ts';

export interface TrafficSplitProps<Version extends string> extends RouteProps<Version> {
  /** Whole percentages by version; they add up to 100. */
  readonly weights: { readonly [V in NoInfer<Version>]?: number };
  /** Which requests are shared out. @default every request */
  readonly match?: RequestMatch | undefined;
}

/** @example new TrafficSplit(this, 'half', { service: reviews, weights: { v1: 50, v3: 50 } }); */
export class TrafficSplit<Version extends string> extends MeshConstruct {
  constructor(scope: Construct, id: string, props: TrafficSplitProps<Version>) {
    super(scope, id);
    const shares = Object.entries(props.weights as Readonly<Record<string, number | undefined>>)
      .map(([version, weight]) => ({ version, weight: weight ?? 0 }))
      .sort((a, b) => (a.version < b.version ? -1 : 1));
    for (const { version, weight } of shares) {
      if (!Number.isInteger(weight) || weight < 0 || weight > 100) {
        throw new Error(
          `TrafficSplit "${this.node.path}": weight of ${version} is ${weight}; use whole percentages, 0 to 100`,
        );
      }
    }
    const sum = shares.reduce((total, { weight }) => total + weight, 0);
    if (sum !== 100) {
      const given = shares.map(({ version, weight }) => `${version} ${weight}`).join(' + ');
      throw new Error(`TrafficSplit "${this.node.path}": weights add up to ${sum} (${given}); make it 100`);
    }
    RouteTable.of(props.service).addRule({ construct: this, match: props.match ?? {}, ...orderOf(props), shares });
  }
}
