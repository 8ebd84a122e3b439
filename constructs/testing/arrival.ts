// What the proxy at the other end makes of a request: whether it takes plaintext or mutual TLS on that port, and who may call.
import { spiffeId } from '#api/names.ts';
import { compileRbac, type RbacInput } from '#lib/match/rbac.ts';
import type { MatchRequest } from '#lib/match/routes.ts';
import { type FilterChain, type HttpConnectionManager, type Listener, type RbacRules, tryUnpack } from '#wire/xds.ts';
import { generateListeners } from '../../services/control-plane/generate/index.ts';
import type { Model } from '../../services/control-plane/model/build.ts';
import type { ModelEndpoint } from '../../services/control-plane/model/services.ts';
import type { Workload, World } from './simulate.ts';

export interface Arrival {
  /** Whether the caller's proxy speaks mutual TLS. */
  readonly mutual: boolean;
  readonly refusal?: string | undefined;
  readonly status?: number | undefined;
}

export function arrivalAt(
  world: World,
  model: Model,
  from: Workload,
  endpoint: ModelEndpoint,
  request?: MatchRequest,
): Arrival {
  const workload = world.workloads.find(
    (each) => each.namespace === endpoint.namespace && each.pods.some((pod) => pod.name === endpoint.pod),
  );
  const mutual = from.proxy !== 'none' && endpoint.tls && model.mesh.enableAutoMtls;
  if (workload?.proxy !== 'sidecar') return { mutual };
  const inbound = generateListeners(model, {
    kind: 'sidecar',
    ip: endpoint.address,
    name: endpoint.pod,
    namespace: workload.namespace,
    labels: workload.labels,
    serviceAccount: workload.serviceAccount,
    flavour: 'istio',
  }).find((each) => each.name === 'virtualInbound')?.message;
  if (!inbound) return { mutual };
  const chains = chainsFor(inbound, endpoint.port, mutual);
  if (chains.length === 0) {
    const what = mutual ? 'mutual TLS' : 'plaintext';
    return {
      mutual,
      refusal: `${workload.name} refuses ${what} on port ${endpoint.port} (PeerAuthentication)`,
      status: 503,
    };
  }
  const chain = chains.find((each) => (managerOf(each) !== undefined) === (request !== undefined)) ?? chains[0]!;
  const input: RbacInput = {
    http: managerOf(chain) === undefined ? undefined : request,
    peer: mutual
      ? { uriSans: [spiffeId(model.mesh.trustDomain, from.namespace, from.serviceAccount)], dnsSans: [], subject: '' }
      : undefined,
    directRemoteIp: from.pods[0]?.ip ?? '',
    remoteIp: from.pods[0]?.ip ?? '',
    localIp: endpoint.address,
    localPort: endpoint.port,
    serverName: undefined,
  };
  const refusal = refusalBy(chain, input);
  return refusal === undefined
    ? { mutual }
    : { mutual, refusal: `${workload.name} denies access: ${refusal}`, status: 403 };
}

/** Chains that take the transport; those of the port beat those of all ports, as in Envoy. */
function chainsFor(listener: Listener, port: number, mutual: boolean): FilterChain[] {
  const all = listener.filterChains ?? [];
  const own = all.filter((each) => each.filterChainMatch?.destinationPort?.value === port);
  const chosen = own.length > 0 ? own : all.filter((each) => !each.filterChainMatch?.destinationPort);
  return chosen.filter(({ filterChainMatch: match }) =>
    mutual ? match?.transportProtocol === 'tls' || !match?.transportProtocol : match?.transportProtocol !== 'tls',
  );
}

export function managerOf(chain: FilterChain | undefined): HttpConnectionManager | undefined {
  for (const filter of chain?.filters ?? []) {
    const found = tryUnpack(
      'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      filter.typedConfig ?? undefined,
    );
    if (found) return found;
  }
  return undefined;
}

/** The policy that is in the way, by the chain's access rules in their order; undefined where nothing is. */
export function refusalBy(chain: FilterChain, input: RbacInput): string | undefined {
  const rules: (RbacRules | undefined)[] = [
    ...(chain.filters ?? []).map(
      (filter) => tryUnpack('envoy.extensions.filters.network.rbac.v3.RBAC', filter.typedConfig ?? undefined)?.rules,
    ),
    ...(managerOf(chain)?.httpFilters ?? []).map(
      (filter) => tryUnpack('envoy.extensions.filters.http.rbac.v3.RBAC', filter.typedConfig ?? undefined)?.rules,
    ),
  ];
  for (const each of rules) {
    if (!each) continue;
    const { allowed, policy } = compileRbac(each).decide(input);
    if (allowed) continue;
    return policy === undefined ? 'no ALLOW policy matches' : `DENY policy ${policy} matches`;
  }
  return undefined;
}
