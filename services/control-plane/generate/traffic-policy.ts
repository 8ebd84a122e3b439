// A DestinationRule's traffic policy -> the fields of a cluster: pools, load balancing, outlier detection.
import type { PortTrafficPolicy, TrafficPolicy } from '#api/traffic-policy.ts';
import type { Cluster } from '#wire/xds.ts';
import { toDuration, uint } from './values.ts';

const unlimited = 4_294_967_295;

/** The policy of one port of one subset: the port's own blocks over the subset's over the rule's. */
export function effectivePolicy(
  rule: TrafficPolicy | undefined,
  subset: TrafficPolicy | undefined,
  port: number,
): PortTrafficPolicy {
  const atPort = (policy: TrafficPolicy | undefined) =>
    policy?.portLevelSettings?.find((it) => it.port?.number === port);
  const merged = { ...rule, ...defined(subset) };
  const own = atPort(subset) ?? atPort(rule);
  // What a port sets replaces all of the rule's: blocks it leaves out get Istio's defaults, not the rule's.
  return own ?? merged;
}

const defined = <T extends object>(value: T | undefined): Partial<T> =>
  Object.fromEntries(Object.entries(value ?? {}).filter(([, it]) => it !== undefined)) as Partial<T>;

export function policyFields(policy: PortTrafficPolicy, connectTimeoutSeconds: number): Partial<Cluster> {
  const { tcp, http } = policy.connectionPool ?? {};
  const outlier = policy.outlierDetection;
  return {
    connectTimeout: toDuration(tcp?.connectTimeout, connectTimeoutSeconds * 1000),
    circuitBreakers: {
      thresholds: [
        {
          maxConnections: uint(tcp?.maxConnections ?? unlimited),
          maxPendingRequests: uint(http?.http1MaxPendingRequests ?? unlimited),
          maxRequests: uint(http?.http2MaxRequests ?? unlimited),
          maxRetries: uint(http?.maxRetries ?? unlimited),
          trackRemaining: true,
        },
      ],
    },
    ...loadBalancing(policy),
    ...(outlier
      ? {
          outlierDetection: {
            ...(outlier.consecutive5xxErrors !== undefined
              ? {
                  consecutive5xx: uint(outlier.consecutive5xxErrors),
                  enforcingConsecutive5xx: uint(outlier.consecutive5xxErrors > 0 ? 100 : 0),
                }
              : {}),
            ...(outlier.consecutiveGatewayErrors !== undefined
              ? {
                  consecutiveGatewayFailure: uint(outlier.consecutiveGatewayErrors),
                  enforcingConsecutiveGatewayFailure: uint(outlier.consecutiveGatewayErrors > 0 ? 100 : 0),
                }
              : {}),
            interval: toDuration(outlier.interval, 10_000),
            baseEjectionTime: toDuration(outlier.baseEjectionTime, 30_000),
            maxEjectionPercent: uint(outlier.maxEjectionPercent ?? 10),
            enforcingSuccessRate: uint(0),
          },
          commonLbConfig: { healthyPanicThreshold: { value: outlier.minHealthPercent ?? 0 } },
        }
      : { commonLbConfig: { healthyPanicThreshold: { value: 0 } } }),
  };
}

function loadBalancing(policy: PortTrafficPolicy): Partial<Cluster> {
  const balancer = policy.loadBalancer;
  const hash = balancer?.consistentHash;
  if (hash) {
    if (hash.maglev)
      return {
        lbPolicy: 'MAGLEV',
        ...(hash.maglev.tableSize ? { maglevLbConfig: { tableSize: { value: Number(hash.maglev.tableSize) } } } : {}),
      };
    return {
      lbPolicy: 'RING_HASH',
      ringHashLbConfig: {
        minimumRingSize: { value: Number(hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? 1024) },
      },
    };
  }
  switch (balancer?.simple) {
    case 'ROUND_ROBIN':
      return { lbPolicy: 'ROUND_ROBIN' };
    case 'RANDOM':
      return { lbPolicy: 'RANDOM' };
    case 'PASSTHROUGH':
      return { lbPolicy: 'CLUSTER_PROVIDED', type: 'ORIGINAL_DST' };
    default:
      return { lbPolicy: 'LEAST_REQUEST' };
  }
}
