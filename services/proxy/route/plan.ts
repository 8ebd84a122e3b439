// What to do with a request once its route is known: timeouts, retries, rewrites, header changes, mirrors. Compiled per route.
import { durationMs, fractionOf, numberOf } from '../config/fields.ts';
import { unpackTyped, type TypedConfig } from '../config/typed.ts';
import { compileHeaderOps, type HeaderOps } from './header-ops.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface RetryPlan {
  readonly on: ReadonlySet<string>;
  readonly statusCodes: ReadonlySet<number>;
  readonly attempts: number;
  /** 0: none of its own. */
  readonly perTryTimeoutMs: number;
  readonly baseBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly avoidsPreviousHosts: boolean;
}

export interface MirrorPlan {
  readonly cluster: string;
  /** [0,1] */
  readonly fraction: number;
}

export interface HashPolicy {
  readonly header?: { readonly headerName?: string };
  readonly cookie?: { readonly name?: string; readonly ttl?: unknown; readonly path?: string };
  readonly connectionProperties?: { readonly sourceIp?: boolean };
  readonly queryParameter?: { readonly name?: string };
  readonly terminal?: boolean;
}

export interface RoutePlan {
  readonly name: string | undefined;
  readonly match: Fields;
  readonly action: Fields;
  readonly redirect: Fields | undefined;
  readonly directResponse: { readonly status: number; readonly body: string } | undefined;
  /** 0: none. */
  readonly timeoutMs: number;
  readonly retry: RetryPlan | undefined;
  readonly requestOps: readonly HeaderOps[];
  readonly responseOps: readonly HeaderOps[];
  /** Of weighted clusters, by index. */
  readonly weighted: readonly { readonly request: HeaderOps | undefined; readonly response: HeaderOps | undefined }[];
  readonly mirrors: readonly MirrorPlan[];
  readonly hash: readonly HashPolicy[];
  readonly rewrites: boolean;
  readonly clusterNotFoundStatus: number;
  readonly attemptCount: boolean;
  readonly upgrades: ReadonlySet<string> | undefined;
  /** Per-filter overrides by filter name, unpacked; a route's beats its virtual host's. */
  readonly filters: Readonly<Record<string, Fields>>;
}

const DEFAULT_TIMEOUT_MS = 15_000;

/** Filters whose per-route configuration is read; others may be of types that nobody here knows. */
const READ_FILTERS = new Set(['envoy.filters.http.fault', 'envoy.filters.http.cors', 'envoy.filters.http.rbac']);

export function compilePlan(configuration: object, virtualHost: object, route: object): RoutePlan {
  const [rc, vh, r] = [configuration as Fields, virtualHost as Fields, route as Fields];
  const action = (r['route'] ?? {}) as Fields;
  const direct = r['directResponse'] as
    | { status?: number; body?: { inlineString?: string; inlineBytes?: Uint8Array } }
    | undefined;
  const weighted = (action['weightedClusters'] as { clusters?: Fields[] } | undefined)?.clusters ?? [];
  return {
    name: (r['name'] as string | undefined) || undefined,
    match: (r['match'] ?? {}) as Fields,
    action,
    redirect: (r['redirect'] as Fields | undefined) ?? undefined,
    directResponse:
      direct == null
        ? undefined
        : { status: direct.status ?? 200, body: direct.body?.inlineString ?? bytesText(direct.body?.inlineBytes) },
    timeoutMs: durationMs(action['timeout']) ?? DEFAULT_TIMEOUT_MS,
    retry: compileRetry((action['retryPolicy'] ?? vh['retryPolicy']) as Fields | undefined),
    requestOps: opsOf([r, vh, rc], 'requestHeadersToAdd', 'requestHeadersToRemove'),
    responseOps: opsOf([r, vh, rc], 'responseHeadersToAdd', 'responseHeadersToRemove'),
    weighted: weighted.map((cluster) => ({
      request: opsOf([cluster], 'requestHeadersToAdd', 'requestHeadersToRemove')[0],
      response: opsOf([cluster], 'responseHeadersToAdd', 'responseHeadersToRemove')[0],
    })),
    mirrors: ((action['requestMirrorPolicies'] ?? []) as Fields[]).map(compileMirror),
    hash: (action['hashPolicy'] ?? []) as HashPolicy[],
    rewrites: ['prefixRewrite', 'regexRewrite', 'hostRewriteLiteral', 'hostRewriteHeader', 'hostRewritePathRegex'].some(
      (field) => action[field] != null && action[field] !== '',
    ),
    clusterNotFoundStatus:
      action['clusterNotFoundResponseCode'] === 'NOT_FOUND' || action['clusterNotFoundResponseCode'] === 1 ? 404 : 503,
    attemptCount: vh['includeRequestAttemptCount'] === true,
    upgrades: upgradesOf(action['upgradeConfigs'] as Fields[] | undefined),
    filters: { ...filtersOf(rc), ...filtersOf(vh), ...filtersOf(r) },
  };
}

function bytesText(bytes: Uint8Array | string | undefined): string {
  if (bytes === undefined) return '';
  return typeof bytes === 'string'
    ? Buffer.from(bytes, 'base64').toString('latin1')
    : Buffer.from(bytes).toString('latin1');
}

function opsOf(levels: readonly Fields[], add: string, remove: string): HeaderOps[] {
  return levels
    .map((level) =>
      compileHeaderOps(level[add] as Parameters<typeof compileHeaderOps>[0], level[remove] as string[] | undefined),
    )
    .filter((ops) => ops !== undefined);
}

function compileRetry(policy: Fields | undefined): RetryPlan | undefined {
  if (policy === undefined || policy === null) return undefined;
  const on = String(policy['retryOn'] ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
  if (on.length === 0) return undefined;
  const backoff = (policy['retryBackOff'] ?? {}) as Fields;
  const base = durationMs(backoff['baseInterval']) ?? 25;
  const predicates = (policy['retryHostPredicate'] ?? []) as { name?: string }[];
  return {
    on: new Set(on.filter((word) => !/^\d+$/.test(word))),
    statusCodes: new Set([
      ...((policy['retriableStatusCodes'] ?? []) as number[]),
      ...on.filter((word) => /^\d+$/.test(word)).map(Number),
    ]),
    attempts: numberOf(policy['numRetries'], 1),
    perTryTimeoutMs: durationMs(policy['perTryTimeout']) ?? 0,
    baseBackoffMs: base,
    maxBackoffMs: durationMs(backoff['maxInterval']) ?? base * 10,
    avoidsPreviousHosts: predicates.some(({ name }) => name === 'envoy.retry_host_predicates.previous_hosts'),
  };
}

function compileMirror(policy: Fields): MirrorPlan {
  const fraction = policy['runtimeFraction'] as { defaultValue?: unknown } | undefined;
  return {
    cluster: String(policy['cluster'] ?? ''),
    fraction: fraction == null ? 1 : fractionOf(fraction.defaultValue),
  };
}

function upgradesOf(configs: readonly Fields[] | undefined): ReadonlySet<string> | undefined {
  if (!configs?.length) return undefined;
  return new Set(configs.map((config) => String(config['upgradeType'] ?? '').toLowerCase()));
}

function filtersOf(level: Fields): Record<string, Fields> {
  const filters: Record<string, Fields> = {};
  for (const [name, config] of Object.entries((level['typedPerFilterConfig'] ?? {}) as Record<string, TypedConfig>)) {
    if (READ_FILTERS.has(name)) filters[name] = unpackTyped(config).message;
  }
  return filters;
}
