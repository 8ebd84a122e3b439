// What the proxy at the other end makes of a request: whether it takes plaintext or mutual TLS on that port.
import type { MatchRequest } from '#lib/match/routes.ts';
import type { FilterChainMatch, Listener } from '#wire/xds.ts';
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
  _request?: MatchRequest,
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
  if (!inbound || takes(inbound, endpoint.port, mutual)) return { mutual };
  const what = mutual ? 'mutual TLS' : 'plaintext';
  return {
    mutual,
    refusal: `${workload.name} refuses ${what} on port ${endpoint.port} (PeerAuthentication)`,
    status: 503,
  };
}

/** Whether a chain takes the transport; chains of the port beat those of all ports, as in Envoy. */
function takes(listener: Listener, port: number, mutual: boolean): boolean {
  const matches = (listener.filterChains ?? []).map((each): FilterChainMatch => each.filterChainMatch ?? {});
  const own = matches.filter((each) => each.destinationPort?.value === port);
  const chosen = own.length > 0 ? own : matches.filter((each) => !each.destinationPort);
  return chosen.some((each) =>
    mutual ? each.transportProtocol === 'tls' || !each.transportProtocol : each.transportProtocol !== 'tls',
  );
}
