// FaultInjection: a share of the requests is delayed or fails, to see what callers make of it.
import type { Construct } from 'constructs';
import type { HttpFault } from '#api/virtual-service.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { AdditionProps } from './addition-props.ts';
import { checkedPercent } from './percent.ts';
import { RouteTable } from './route-table.ts';

export interface FaultInjectionProps extends AdditionProps {
  /** How long, such as `2s`, and for which share of the requests in percent. @default no delay */
  readonly delay?: { readonly duration: string; readonly percent: number } | undefined;
  /** The status, and for which share of the requests in percent. @default no failure */
  readonly abort?:
    | { readonly httpStatus: number; readonly percent: number }
    | { readonly grpcStatus: string; readonly percent: number }
    | undefined;
}

/**
 * @example new FaultInjection(this, 'slow', { service: ratings, delay: { duration: '7s', percent: 100 } });
 * @see https://istio.io/latest/docs/tasks/traffic-management/fault-injection/
 */
export class FaultInjection extends MeshConstruct {
  constructor(scope: Construct, id: string, props: FaultInjectionProps) {
    super(scope, id);
    const { delay, abort } = props;
    const where = `FaultInjection "${this.node.path}"`;
    if (!delay && !abort) throw new Error(`${where}: says neither delay nor abort; give at least one`);
    const fault: HttpFault = {
      ...(delay
        ? {
            delay: {
              fixedDelay: delay.duration,
              percentage: { value: checkedPercent(delay.percent, `${where}: delay.percent`) },
            },
          }
        : {}),
      ...(abort
        ? {
            abort: {
              ...('httpStatus' in abort ? { httpStatus: abort.httpStatus } : { grpcStatus: abort.grpcStatus }),
              percentage: { value: checkedPercent(abort.percent, `${where}: abort.percent`) },
            },
          }
        : {}),
    };
    RouteTable.of(props.service).addToRules({ construct: this, routes: props.routes, fields: { fault } });
  }
}
