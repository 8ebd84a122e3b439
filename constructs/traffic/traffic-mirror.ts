// TrafficMirror: copies of requests go to a version; its answers are dropped.
import type { Construct } from 'constructs';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { AdditionProps } from './addition-props.ts';
import { checkedPercent } from './percent.ts';
import { RouteTable } from './route-table.ts';

export interface TrafficMirrorProps<Version extends string> extends AdditionProps<Version> {
  /** The version that gets the copies. */
  readonly to: NoInfer<Version>;
  /** Share of requests that are copied, in percent. @default 100 */
  readonly percent?: number | undefined;
}

/**
 * @example new TrafficMirror(this, 'shadow', { service: reviews, to: 'v3', percent: 10 });
 * @see https://istio.io/latest/docs/tasks/traffic-management/mirroring/
 */
export class TrafficMirror<Version extends string> extends MeshConstruct {
  constructor(scope: Construct, id: string, props: TrafficMirrorProps<Version>) {
    super(scope, id);
    const { service, to, routes } = props;
    const value = checkedPercent(props.percent ?? 100, `TrafficMirror "${this.node.path}": percent`);
    const table = RouteTable.of(service);
    table.requireVersion(this, to);
    table.addToRules({
      construct: this,
      routes,
      fields: { mirrors: [{ destination: { host: service.hostname, subset: to }, percentage: { value } }] },
    });
  }
}
