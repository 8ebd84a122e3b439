// The exact shares into which a route configuration divides like requests: no sampling, every interval of the random number once.
import type { CompiledRoutes, MatchRequest, RouteMatch } from '#lib/match/routes.ts';
import { cumulativeWeights } from '#lib/match/weights.ts';
import type { RouteConfig, VirtualHostConfig } from '#lib/match/config.ts';

export interface Share<V extends VirtualHostConfig, R extends RouteConfig> {
  /** In (0, 1]. */
  readonly share: number;
  readonly match: RouteMatch<V, R> | undefined;
}

const DENOMINATORS: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

/** Points between 0 and 1 at which the decision for some request may change. */
function boundaries(virtualHost: VirtualHostConfig): number[] {
  const points = new Set([0, 1]);
  for (const route of virtualHost.routes ?? []) {
    const ends = cumulativeWeights(route.route?.weightedClusters?.clusters ?? []);
    const total = ends.at(-1) ?? 0;
    if (total > 0) for (const end of ends) points.add(end / total);
    const fraction = route.match?.runtimeFraction?.defaultValue;
    if (fraction)
      points.add(Math.min(1, (fraction.numerator ?? 0) / (DENOMINATORS[fraction.denominator ?? 'HUNDRED'] ?? 100)));
  }
  return [...points].sort((a, b) => a - b);
}

export function sharesOf<V extends VirtualHostConfig, R extends RouteConfig>(
  compiled: CompiledRoutes<V, R>,
  request: MatchRequest,
): Share<V, R>[] {
  const virtualHost = compiled.virtualHost(request.authority);
  const points = virtualHost ? boundaries(virtualHost) : [0, 1];
  const shares: Share<V, R>[] = [];
  for (let index = 1; index < points.length; index++) {
    const from = points[index - 1]!;
    const to = points[index]!;
    const match = compiled.match(request, (from + to) / 2);
    const same = shares.findIndex(
      (each) =>
        each.match?.route === match?.route &&
        each.match?.cluster === match?.cluster &&
        each.match?.weightedIndex === match?.weightedIndex,
    );
    if (same >= 0) shares[same] = { match, share: shares[same]!.share + to - from };
    else shares.push({ match, share: to - from });
  }
  return shares;
}
