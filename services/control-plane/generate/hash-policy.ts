// What a route hashes for clusters that choose endpoints by consistent hashing, from the rules of those clusters.
import { tryDurationMs } from '#api/duration.ts';
import type { LoadBalancer } from '#api/traffic-policy.ts';
import type { RouteAction } from '#wire/xds.ts';
import { destinationRuleFor, type Model } from '../model/build.ts';
import { effectivePolicy } from './traffic-policy.ts';
import { durationMs } from './values.ts';

type Hash = NonNullable<LoadBalancer['consistentHash']>;
type HashPolicy = NonNullable<RouteAction['hashPolicy']>[number];

/** One policy for each of the clusters that hashes, in their order; the route needs none where the list is empty. */
export function hashPolicies(model: Model, clientNamespace: string, clusters: readonly string[]): HashPolicy[] {
  const policies = clusters.flatMap((cluster) => {
    const [, port = '', subsetName, host = ''] = cluster.split('|');
    const service = model.services.get(host);
    const rule = destinationRuleFor(model, host, clientNamespace, service?.namespace ?? clientNamespace)?.spec;
    const subset = rule?.subsets?.find((it) => it.name === subsetName);
    const hash = effectivePolicy(rule?.trafficPolicy, subset?.trafficPolicy, Number(port)).loadBalancer?.consistentHash;
    return hash ? [toPolicy(hash)] : [];
  });
  const seen = new Set<string>();
  return policies.filter((it) => !seen.has(JSON.stringify(it)) && seen.add(JSON.stringify(it)));
}

function toPolicy(hash: Hash): HashPolicy {
  if (hash.httpHeaderName) return { header: { headerName: hash.httpHeaderName } };
  if (hash.httpQueryParameterName) return { queryParameter: { name: hash.httpQueryParameterName } };
  if (!hash.httpCookie) return { connectionProperties: { sourceIp: true } };
  const { name, path = '', ttl } = hash.httpCookie;
  return {
    cookie: { name, path, ...(ttl === undefined ? {} : { ttl: durationMs(tryDurationMs(ttl) ?? 0) }) },
  };
}
