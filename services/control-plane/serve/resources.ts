// What a proxy is to have, encoded: each resource once per distinct content, its version a hash of its bytes.
import { createHash } from 'node:crypto';
import type { Any } from '#wire/xds.ts';

/** One resource in its final form. */
export interface EncodedResource {
  readonly name: string;
  /** Hash of the bytes: equal content has equal versions over restarts and replicas. */
  readonly version: string;
  readonly resource: Any;
}

/** Type URL -> name -> resource. */
export type ResourceSet = ReadonlyMap<string, ReadonlyMap<string, EncodedResource>>;

/** The order in which types are sent: a route never names a cluster that its proxy has not been told of. */
export const pushOrder: readonly string[] = [
  'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  'type.googleapis.com/envoy.config.listener.v3.Listener',
  'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
];

/** Types that a proxy may subscribe to as a whole, by naming nothing. */
export const wildcardTypes: ReadonlySet<string> = new Set([pushOrder[0]!, pushOrder[2]!]);

export const typeRank = (typeUrl: string): number => {
  const rank = pushOrder.indexOf(typeUrl);
  return rank < 0 ? pushOrder.length : rank;
};

export function encodeResource(name: string, resource: Any): EncodedResource {
  const version = createHash('sha256')
    .update(resource.value ?? new Uint8Array())
    .digest('hex')
    .slice(0, 16);
  return { name, version, resource };
}

/** A version of many resources: a hash of their names and versions, in the order of names. */
export function versionOf(resources: Iterable<EncodedResource>): string {
  const hash = createHash('sha256');
  for (const it of [...resources].sort((a, b) => (a.name < b.name ? -1 : 1)))
    hash.update(`${it.name}\0${it.version}\0`);
  return hash.digest('hex').slice(0, 16);
}
