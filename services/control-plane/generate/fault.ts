// Faults of a route -> Envoy's fault filter.
import { tryDurationMs } from '#api/duration.ts';
import { GRPC_STATUS } from '#api/http-route-rules.ts';
import type { HttpFault } from '#api/virtual-service.ts';
import type { HTTPFault } from '#wire/xds.ts';
import { durationMs } from './values.ts';

const fraction = (percent: number | undefined) => ({
  numerator: Math.round((percent ?? 0) * 10_000),
  denominator: 'MILLION' as const,
});

export function faultOf(fault: HttpFault | undefined): HTTPFault | undefined {
  if (!fault?.abort && !fault?.delay) return undefined;
  const { abort, delay } = fault;
  return {
    ...(delay?.fixedDelay !== undefined
      ? {
          delay: {
            fixedDelay: durationMs(tryDurationMs(delay.fixedDelay) ?? 0),
            percentage: fraction(delay.percentage?.value ?? delay.percent),
          },
        }
      : {}),
    ...(abort
      ? {
          abort: {
            ...(abort.grpcStatus !== undefined
              ? { grpcStatus: Math.max(0, GRPC_STATUS.indexOf(abort.grpcStatus)) }
              : { httpStatus: abort.httpStatus ?? 500 }),
            percentage: fraction(abort.percentage?.value),
          },
        }
      : {}),
  };
}
