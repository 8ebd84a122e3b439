// Resilience: time limits, retries, connection limits and ejection of failing pods for the callers of a service.
import type { Construct } from 'constructs';
import type { TrafficPolicy } from '#api/destination-rule.ts';
import type { HttpRoute } from '#api/virtual-service.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { AdditionProps } from './addition-props.ts';
import { RouteTable } from './route-table.ts';

export interface RetryProps {
  /** How often a request is sent again, at most; 0 turns retries off. */
  readonly attempts: number;
  /** Limit of one try, such as `500ms`. @default the time limit of the whole request */
  readonly perTryTimeout?: string | undefined;
  /**
   * When to retry. By default only where the service has not seen the request, so that a POST is never done twice.
   * @default 'connect-failure,refused-stream'
   */
  readonly on?: string | undefined;
}

export interface ConnectionLimits {
  /** TCP connections of one caller. @default unlimited */
  readonly maxConnections?: number | undefined;
  /** Requests that wait for a connection. @default unlimited */
  readonly maxPendingRequests?: number | undefined;
  /** Requests in flight, over all connections. @default unlimited */
  readonly maxRequests?: number | undefined;
  /** Requests after which a connection is closed; 1 turns keep-alive off. @default unlimited */
  readonly maxRequestsPerConnection?: number | undefined;
  /** Longest wait for a TCP connection, such as `1s`. @default 10s */
  readonly connectTimeout?: string | undefined;
}

export interface EjectionProps {
  /** Failures in a row (5xx, resets, refused connections) after which a pod is taken out. @default 5 */
  readonly consecutive5xxErrors?: number | undefined;
  /** How often pods are looked at. @default 10s */
  readonly interval?: string | undefined;
  /** How long a pod stays out, times the number of its ejections. @default 30s */
  readonly baseEjectionTime?: string | undefined;
  /** Largest share of pods that may be out, in percent. @default 10 */
  readonly maxEjectionPercent?: number | undefined;
}

export interface ResilienceProps extends AdditionProps {
  /** Limit of the whole request with all its retries, such as `5s`. @default none */
  readonly timeout?: string | undefined;
  /** @default as the mesh has it */
  readonly retries?: RetryProps | undefined;
  /** @default no limits */
  readonly limits?: ConnectionLimits | undefined;
  /** @default pods are not taken out */
  readonly ejection?: EjectionProps | undefined;
}

/** @example new Resilience(this, 'limits', { service: reviews, timeout: '5s', retries: { attempts: 2 } }); */
export class Resilience extends MeshConstruct {
  constructor(scope: Construct, id: string, props: ResilienceProps) {
    super(scope, id);
    const table = RouteTable.of(props.service);
    const fields = routeFields(props);
    const policy = policyOf(props);
    if (Object.keys(fields).length === 0 && Object.keys(policy).length === 0) {
      throw new Error(`Resilience "${this.node.path}": says nothing; give timeout, retries, limits or ejection`);
    }
    if (Object.keys(fields).length > 0) table.addToRules({ construct: this, routes: props.routes, fields });
    if (Object.keys(policy).length > 0) table.addPolicy({ construct: this, policy });
  }
}

/** Conditions under which the service has not seen the request. */
const UNSEEN = 'connect-failure,refused-stream';

function routeFields({ timeout, retries }: ResilienceProps): Partial<HttpRoute> {
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(retries
      ? {
          retries:
            retries.attempts === 0
              ? { attempts: 0 }
              : {
                  attempts: retries.attempts,
                  retryOn: retries.on ?? UNSEEN,
                  ...(retries.perTryTimeout === undefined ? {} : { perTryTimeout: retries.perTryTimeout }),
                },
        }
      : {}),
  };
}

function policyOf({ limits, ejection }: ResilienceProps): TrafficPolicy {
  const http = limits && {
    ...(limits.maxPendingRequests === undefined ? {} : { http1MaxPendingRequests: limits.maxPendingRequests }),
    ...(limits.maxRequests === undefined ? {} : { http2MaxRequests: limits.maxRequests }),
    ...(limits.maxRequestsPerConnection === undefined
      ? {}
      : { maxRequestsPerConnection: limits.maxRequestsPerConnection }),
  };
  const tcp = limits && {
    ...(limits.maxConnections === undefined ? {} : { maxConnections: limits.maxConnections }),
    ...(limits.connectTimeout === undefined ? {} : { connectTimeout: limits.connectTimeout }),
  };
  const pool = {
    ...(http && Object.keys(http).length > 0 ? { http } : {}),
    ...(tcp && Object.keys(tcp).length > 0 ? { tcp } : {}),
  };
  return {
    ...(Object.keys(pool).length > 0 ? { connectionPool: pool } : {}),
    ...(ejection ? { outlierDetection: definedOnly({ ...ejection }) } : {}),
  };
}

const definedOnly = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
