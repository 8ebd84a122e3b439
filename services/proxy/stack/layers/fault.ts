// Injected delays and aborts (envoy.filters.http.fault), configured per route.
import { durationMs, fractionOf } from '../../config/fields.ts';
import type { Exchange } from '../exchange.ts';
import type { Layer, Verdict } from '../layer.ts';

export const FAULT_FILTER = 'envoy.filters.http.fault';

interface FaultConfig {
  readonly delay?: { readonly fixedDelay?: unknown; readonly percentage?: unknown } | null;
  readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: number; readonly percentage?: unknown } | null;
}

export function faultLayer(): Layer {
  return {
    name: FAULT_FILTER,
    onRequest(exchange) {
      const config = exchange.plan?.filters[FAULT_FILTER] as FaultConfig | undefined;
      if (config === undefined) return undefined;
      const { random } = exchange.context;
      const delayMs =
        config.delay != null && random() < fractionOf(config.delay.percentage)
          ? (durationMs(config.delay.fixedDelay) ?? 0)
          : 0;
      if (delayMs <= 0) return abort(exchange, config);
      exchange.flag('DI');
      return new Promise((resolve) => {
        setTimeout(() => resolve(exchange.isDone ? undefined : abort(exchange, config)), delayMs);
      });
    },
  };
}

function abort(exchange: Exchange, { abort: config }: FaultConfig): Verdict {
  if (config == null || exchange.context.random() >= fractionOf(config.percentage)) return undefined;
  const { httpStatus, grpcStatus } = config;
  if (httpStatus) return { status: httpStatus, body: 'fault filter abort', flag: 'FI', details: 'fault_filter_abort' };
  if (grpcStatus === undefined) return undefined;
  exchange.isGrpc = true;
  return {
    status: 200,
    body: 'fault filter abort',
    flag: 'FI',
    details: 'fault_filter_abort',
    headers: [['grpc-status', String(grpcStatus)]],
  };
}
