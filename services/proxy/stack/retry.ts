// Which failures a retry policy covers, by Envoy's condition names.
import type { RetryPlan } from '../route/plan.ts';
import type { ResetReason } from '../upstream/http1-connection.ts';

const GRPC_CONDITIONS: Readonly<Record<string, string>> = {
  '1': 'cancelled',
  '4': 'deadline-exceeded',
  '8': 'resource-exhausted',
  '13': 'internal',
  '14': 'unavailable',
};

export function retriesOnStatus(retry: RetryPlan, status: number, grpcStatus: string | undefined): boolean {
  const { on, statusCodes } = retry;
  if (status >= 500 && on.has('5xx')) return true;
  if (status >= 502 && status <= 504 && on.has('gateway-error')) return true;
  if (status === 409 && on.has('retriable-4xx')) return true;
  if (statusCodes.has(status)) return true;
  const condition = grpcStatus === undefined ? undefined : GRPC_CONDITIONS[grpcStatus];
  return condition !== undefined && on.has(condition);
}

export function retriesOnReset(retry: RetryPlan, reason: ResetReason): boolean {
  const { on } = retry;
  if (on.has('5xx') || on.has('gateway-error')) return true;
  switch (reason) {
    case 'connect-failure':
    case 'connect-timeout':
      return on.has('connect-failure') || on.has('reset') || on.has('reset-before-request');
    case 'refused-stream':
      return on.has('refused-stream') || on.has('reset');
    case 'reset':
    case 'protocol-error':
      return on.has('reset');
  }
}

/** RFC 9110 section 9.2.2: may be sent again although the first may have been acted on. */
export function isIdempotent(method: string): boolean {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'TRACE':
    case 'PUT':
    case 'DELETE':
      return true;
    default:
      return false;
  }
}
