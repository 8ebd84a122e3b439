// Turns a RouteConfiguration into tables and picks virtual host, route and cluster for a request, as Envoy does.
// The proxy's hot path and the request oracle share it: pure, linear-time regular expressions, one allocation at most per match.
import type { Condition } from './condition.ts';
import type { RouteConfig, RouteConfigurationConfig, VirtualHostConfig } from './config.ts';
import { compileDomains } from './domains.ts';
import { compileHeader } from './headers.ts';
import { compilePath, type PathCondition } from './path.ts';
import { compileQueryParameter } from './query.ts';
import { headerOf, type MatchRequest, pathOf } from './request.ts';
import { chooseWeighted, compileFraction, cumulativeWeights } from './weights.ts';

export type { MatchRequest };

/** The way of one request. */
export interface RouteMatch<V extends VirtualHostConfig = VirtualHostConfig, R extends RouteConfig = RouteConfig> {
  readonly virtualHost: V;
  readonly route: R;
  readonly action: 'route' | 'redirect' | 'directResponse' | 'none';
  /** Chosen cluster; undefined unless `action` is `route`, or where its cluster header is absent. */
  readonly cluster: string | undefined;
  /** Index of the chosen weighted cluster; -1 where the route has none. */
  readonly weightedIndex: number;
}

/** One route that was tried, and each of its conditions. */
export interface TriedRoute<R extends RouteConfig = RouteConfig> {
  readonly route: R;
  readonly index: number;
  readonly matched: boolean;
  readonly conditions: readonly { readonly text: string; readonly held: boolean; readonly found: string }[];
}

export interface Explanation<V extends VirtualHostConfig = VirtualHostConfig, R extends RouteConfig = RouteConfig> {
  readonly virtualHost: V | undefined;
  /** The domain by which the virtual host was chosen. */
  readonly domain: string | undefined;
  /** Routes in order, up to and including the one that matched. */
  readonly tried: readonly TriedRoute<R>[];
  readonly match: RouteMatch<V, R> | undefined;
}

export interface CompiledRoutes<V extends VirtualHostConfig = VirtualHostConfig, R extends RouteConfig = RouteConfig> {
  /**
   * Finds the way of a request.
   * @param random in [0, 1): decides among weighted clusters and runtime fractions
   * @returns undefined where no virtual host or no route matches: the answer is 404 with flag NR
   */
  match(request: MatchRequest, random: number): RouteMatch<V, R> | undefined;
  /** The virtual host that serves an authority, or undefined. */
  virtualHost(authority: string): V | undefined;
  /** What `match` does, condition by condition. */
  explain(request: MatchRequest, random: number): Explanation<V, R>;
  /** How much of the path the route's path specifier matches: what its prefixRewrite replaces. */
  matchedPathLength(route: R, path: string): number;
  /** What Envoy would refuse: expressions that do not compile, domains said twice. */
  readonly problems: readonly string[];
}

type VirtualHostOf<C> = C extends { virtualHosts?: readonly (infer V)[] | null | undefined }
  ? V extends VirtualHostConfig
    ? V
    : VirtualHostConfig
  : VirtualHostConfig;
type RouteOf<V> = V extends { routes?: readonly (infer R)[] | null | undefined }
  ? R extends RouteConfig
    ? R
    : RouteConfig
  : RouteConfig;

interface CompiledRoute<V extends VirtualHostConfig, R extends RouteConfig> {
  readonly route: R;
  readonly path: PathCondition;
  readonly conditions: readonly Condition[];
  /** The answer, or one per weighted cluster. */
  readonly results: readonly RouteMatch<V, R>[];
  readonly ends: Float64Array | undefined;
  /** Header that names the cluster, lower case. */
  readonly clusterHeader: string | undefined;
}

/** Compiles once per pushed configuration. Never throws: see `problems`. */
export function compileRoutes<C extends RouteConfigurationConfig>(
  configuration: C,
): CompiledRoutes<VirtualHostOf<C>, RouteOf<VirtualHostOf<C>>> {
  type V = VirtualHostOf<C>;
  type R = RouteOf<V>;
  const problems: string[] = [];
  const virtualHosts = (configuration.virtualHosts ?? []) as readonly V[];
  const domains = compileDomains(virtualHosts, configuration.ignorePortInHostMatching === true, problems);
  const tables = new Map<V, readonly CompiledRoute<V, R>[]>();
  const byRoute = new Map<R, CompiledRoute<V, R>>();
  const redirects = new Map<V, RouteMatch<V, R>>();
  for (const virtualHost of virtualHosts) {
    const routes = ((virtualHost.routes ?? []) as readonly R[]).map((route) =>
      compileRoute(virtualHost, route, problems),
    );
    tables.set(virtualHost, routes);
    for (const each of routes) byRoute.set(each.route, each);
    if (requiresTls(virtualHost)) redirects.set(virtualHost, httpsRedirect(virtualHost));
  }

  const match = (request: MatchRequest, random: number): RouteMatch<V, R> | undefined => {
    const virtualHost = domains.find(request.authority);
    if (virtualHost === undefined) return undefined;
    if (redirects.size > 0 && request.scheme !== 'https') {
      const redirect = redirects.get(virtualHost);
      if (redirect) return redirect;
    }
    const path = pathOf(request.path);
    for (const compiled of tables.get(virtualHost)!) {
      if (holdsAll(compiled, request, path, random)) return resultOf(compiled, request, random);
    }
    return undefined;
  };

  const explain = (request: MatchRequest, random: number): Explanation<V, R> => {
    const virtualHost = domains.find(request.authority);
    const found = match(request, random);
    const tried: TriedRoute<R>[] = [];
    const path = pathOf(request.path);
    const table = virtualHost === undefined || (found && !byRoute.has(found.route)) ? [] : tables.get(virtualHost)!;
    for (const [index, compiled] of table.entries()) {
      const conditions = [compiled.path, ...compiled.conditions].map((condition) => ({
        text: condition.text,
        held: condition.holds(request, path, random),
        found: condition.found(request, path),
      }));
      const matched = conditions.every((condition) => condition.held);
      tried.push({ route: compiled.route, index, matched, conditions });
      if (matched) break;
    }
    return { virtualHost, domain: domains.domainOf(request.authority), tried, match: found };
  };

  return {
    match,
    explain,
    virtualHost: (authority) => domains.find(authority),
    matchedPathLength: (route, path) => byRoute.get(route)?.path.matchedLength(path) ?? 0,
    problems,
  };
}

function holdsAll(
  compiled: { readonly path: PathCondition; readonly conditions: readonly Condition[] },
  request: MatchRequest,
  path: string,
  random: number,
): boolean {
  if (!compiled.path.holds(request, path, random)) return false;
  const { conditions } = compiled;
  for (let index = 0; index < conditions.length; index++) {
    if (!conditions[index]!.holds(request, path, random)) return false;
  }
  return true;
}

function resultOf<V extends VirtualHostConfig, R extends RouteConfig>(
  compiled: CompiledRoute<V, R>,
  request: MatchRequest,
  random: number,
): RouteMatch<V, R> {
  if (compiled.clusterHeader !== undefined) {
    return { ...compiled.results[0]!, cluster: headerOf(request, compiled.clusterHeader) };
  }
  if (compiled.ends === undefined) return compiled.results[0]!;
  const chosen = compiled.results[chooseWeighted(compiled.ends, random) + 1]!;
  const header = chosen.route.route?.weightedClusters?.clusters?.[chosen.weightedIndex]?.clusterHeader;
  return chosen.cluster === undefined && header
    ? { ...chosen, cluster: headerOf(request, header.toLowerCase()) }
    : chosen;
}

function compileRoute<V extends VirtualHostConfig, R extends RouteConfig>(
  virtualHost: V,
  route: R,
  problems: string[],
): CompiledRoute<V, R> {
  const matcher = route.match ?? {};
  const conditions: Condition[] = [];
  for (const header of matcher.headers ?? []) conditions.push(compileHeader(header, problems));
  for (const parameter of matcher.queryParameters ?? []) conditions.push(compileQueryParameter(parameter, problems));
  if (matcher.grpc) conditions.push(isGrpc);
  if (matcher.runtimeFraction) conditions.push(compileFraction(matcher.runtimeFraction));
  const path = compilePath(matcher, problems);
  const base = { virtualHost, route, weightedIndex: -1 };
  const single = (action: RouteMatch['action'], cluster?: string): CompiledRoute<V, R> => ({
    route,
    path,
    conditions,
    results: [{ ...base, action, cluster }],
    ends: undefined,
    clusterHeader: undefined,
  });
  if (route.redirect) return single('redirect');
  if (route.directResponse) return single('directResponse');
  if (!route.route) return single('none');
  const action = route.route;
  if (action.weightedClusters) {
    const clusters = action.weightedClusters.clusters ?? [];
    const nothing: RouteMatch<V, R> = { ...base, action: 'route', cluster: undefined };
    const results = clusters.map(
      (cluster, weightedIndex): RouteMatch<V, R> => ({
        ...base,
        action: 'route',
        cluster: cluster.name || undefined,
        weightedIndex,
      }),
    );
    return { ...single('route'), results: [nothing, ...results], ends: cumulativeWeights(clusters) };
  }
  const compiled = single('route', action.cluster);
  return action.clusterHeader ? { ...compiled, clusterHeader: action.clusterHeader.toLowerCase() } : compiled;
}

const isGrpc: Condition = {
  holds: (request) => /^application\/grpc($|\+|;)/.test(request.header('content-type') ?? ''),
  text: 'the request is gRPC',
  found: (request) => JSON.stringify(request.header('content-type') ?? 'no content-type'),
};

const requiresTls = (virtualHost: VirtualHostConfig): boolean =>
  virtualHost.requireTls === 'ALL' || virtualHost.requireTls === 2;

/** The answer of a virtual host with require_tls ALL to plain HTTP; the route is not in the configuration. */
function httpsRedirect<V extends VirtualHostConfig, R extends RouteConfig>(virtualHost: V): RouteMatch<V, R> {
  const route = { name: '', match: { prefix: '/' }, redirect: { httpsRedirect: true } } as RouteConfig as R;
  return { virtualHost, route, action: 'redirect', cluster: undefined, weightedIndex: -1 };
}
