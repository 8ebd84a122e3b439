// HttpConnectionManager, compiled: what one filter chain's HTTP connections share.
import type { CompiledRoutes, RouteMatch } from '#lib/match/routes.ts';
import type { AccessLogFormat } from '#lib/telemetry/access-log.ts';
import type { RoutePlan } from '../route/plan.ts';
import type { Layer } from '../stack/layer.ts';

export interface RouteTable {
  readonly name: string;
  readonly compiled: CompiledRoutes;
  /** @throws never */
  plan(match: RouteMatch): RoutePlan;
}

/** Routes come and go while connections live: RDS replaces `current`. */
export interface RouteSource {
  readonly name: string;
  current: RouteTable | undefined;
}

export interface HttpConfig {
  readonly statPrefix: string;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly routes: RouteSource;
  readonly layers: readonly Layer[];
  readonly serverName: string;
  readonly serverHeader: 'overwrite' | 'append-if-absent' | 'pass-through';
  readonly useRemoteAddress: boolean;
  readonly xffTrustedHops: number;
  readonly generateRequestId: boolean;
  readonly preserveExternalRequestId: boolean;
  readonly normalizePath: boolean;
  readonly mergeSlashes: boolean;
  readonly stripTrailingHostDot: boolean;
  readonly stripPort: boolean;
  readonly upgrades: ReadonlySet<string>;
  readonly acceptHttp10: boolean;
  readonly streamIdleTimeoutMs: number;
  readonly connectionIdleTimeoutMs: number;
  readonly forwardClientCert: 'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only';
  readonly setClientCert: { readonly subject: boolean; readonly uri: boolean; readonly dns: boolean };
  readonly codec: 'auto' | 'http1' | 'http2';
  readonly suppressEnvoyHeaders: boolean;
  readonly accessLogs: readonly AccessLogFormat[];
}
