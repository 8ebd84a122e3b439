// Turns a RouteConfiguration into tables and picks virtual host, route and cluster for a request, as Envoy does.
// The proxy's hot path and the request oracle share it: pure, linear-time regular expressions, few allocations.
import type { RouteConfig, RouteConfigurationConfig, VirtualHostConfig } from './config.ts';

/** What matching reads of a request. */
export interface MatchRequest {
  /** `:authority` or Host, with the port where the client sent one. */
  readonly authority: string;
  /** `:path`: path and query. */
  readonly path: string;
  readonly method: string;
  /** `http` or `https`. Default `http`. */
  readonly scheme?: string | undefined;
  /** Value of a header by lower-case name, several joined by `,`; undefined where absent. */
  header(name: string): string | undefined;
}

/** The way of one request. `C` is the caller's RouteConfiguration type, so that the found objects keep their full type. */
export interface RouteMatch<V extends VirtualHostConfig = VirtualHostConfig, R extends RouteConfig = RouteConfig> {
  readonly virtualHost: V;
  readonly route: R;
  readonly action: 'route' | 'redirect' | 'directResponse' | 'none';
  /** Chosen cluster; undefined unless `action` is `route`, or where its cluster header is absent. */
  readonly cluster: string | undefined;
  /** Index of the chosen weighted cluster; -1 where the route has none. */
  readonly weightedIndex: number;
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

/** Compiles once per pushed configuration. @throws never: a route whose regular expression does not compile matches nothing. */
export function compileRoutes<C extends RouteConfigurationConfig>(
  _configuration: C,
): CompiledRoutes<VirtualHostOf<C>, RouteOf<VirtualHostOf<C>>> {
  throw new Error('BUG: compileRoutes is on its way');
}
