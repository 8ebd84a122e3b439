// The way of one request through the configuration that the control plane generates, decided by the proxy's own matcher.
import { nearestName } from '#api/problem.ts';
import type { RbacInput } from '#lib/match/rbac.ts';
import { redirectLocation, redirectStatus } from '#lib/match/redirect.ts';
import { rewriteHost, rewritePath } from '#lib/match/rewrite.ts';
import { compileRoutes, type Explanation, type MatchRequest } from '#lib/match/routes.ts';
import { type FilterChain, type Listener, type RouteConfiguration, tryUnpack } from '#wire/xds.ts';
import { generate, type ProxyConfiguration, type ProxyNode } from '../../services/control-plane/generate/index.ts';
import { buildModel, type Model } from '../../services/control-plane/model/build.ts';
import type { ModelEndpoint, ModelService } from '../../services/control-plane/model/services.ts';
import { type Arrival, arrivalAt, managerOf, refusalBy } from './arrival.ts';
import { sharesOf } from './shares.ts';
import type { Workload, World } from './simulate.ts';

/** What happens to a share of like requests. */
export interface Outcome {
  /** In (0, 1]. */
  readonly share: number;
  readonly cluster?: string | undefined;
  /** Service that the cluster belongs to. */
  readonly service?: ModelService | undefined;
  /** Label `version` of the pods. */
  readonly version?: string | undefined;
  readonly pods: readonly string[];
  /** `<address>:<port>` of the pods, in their order. */
  readonly addresses?: readonly string[] | undefined;
  /** Whether proxies speak mutual TLS on the way. */
  readonly mutualTls?: boolean | undefined;
  /** Answer of a proxy, where no service is reached. */
  readonly status?: number | undefined;
  readonly location?: string | undefined;
  /** Why no service is reached. */
  readonly refusal?: string | undefined;
}

export interface Trace {
  readonly method: string;
  readonly url: URL;
  readonly from: Workload;
  /** What was decided before routes were tried, in order. */
  readonly steps: readonly string[];
  readonly explanation: Explanation | undefined;
  readonly outcomes: readonly Outcome[];
}

export interface TracedRequest {
  readonly from: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function traceRequest(world: World, request: TracedRequest): Trace {
  const from = findWorkload(world, request.from);
  const url = parseUrl(request.url);
  const model = buildModel(world.resources);
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const base = { method: request.method, url, from };
  const service = serviceAt(model, url.hostname, from.namespace);
  const steps = [describeHost(service, url.hostname, port)];
  if (from.proxy === 'none') {
    steps.push(`${from.name} has no proxy: Kubernetes chooses an endpoint, no rule is applied`);
    const outcomes = service
      ? toEndpoints(world, model, from, service, port, '', 1)
      : [{ share: 1, pods: [], refusal: `${url.hostname} is not a service of the cluster` }];
    return { ...base, steps, explanation: undefined, outcomes };
  }
  const node = nodeOf(from);
  const configuration = generate(model, node);
  const listener = findListener(configuration, model, node, service, port);
  if (!listener) {
    steps.push(`${from.name} does not listen on port ${port}`);
    return {
      ...base,
      steps,
      explanation: undefined,
      outcomes: [{ share: 1, pods: [], refusal: `no Gateway opens port ${port} of ${from.name}` }],
    };
  }
  const chain = findChain(listener, url);
  const manager = managerOf(chain);
  if (!manager) return connectionTrace(world, model, base, steps, listener, chain);
  const routes =
    manager.routeConfig ?? configuration.routes.find((each) => each.name === manager.rds?.routeConfigName)?.message;
  steps.push(`listener ${listener.name}, routes ${routes?.name ?? manager.rds?.routeConfigName ?? '(none)'}`);
  const matched = toMatchRequest(request, url);
  const compiled = compileRoutes((routes ?? {}) as RouteConfiguration);
  const denied = from.proxy === 'router' && chain ? refusalBy(chain, outsider(from, port, matched)) : undefined;
  if (denied !== undefined)
    return {
      ...base,
      steps,
      explanation: undefined,
      outcomes: [{ share: 1, pods: [], status: 403, refusal: `${from.name} denies access: ${denied}` }],
    };
  const outcomes = sharesOf(compiled, matched).flatMap(({ share, match }): Outcome[] => {
    if (!match) return [{ share, pods: [], status: 404, refusal: 'no route matches' }];
    if (match.action === 'redirect') {
      const redirect = match.route.redirect!;
      const location = redirectLocation(redirect, matched, compiled.matchedPathLength(match.route, url.pathname));
      return [{ share, pods: [], status: redirectStatus(redirect), location }];
    }
    if (match.action === 'directResponse') {
      const status = match.route.directResponse?.status ?? 0;
      return [{ share, pods: [], status, ...(status >= 400 ? { refusal: `the proxy answers ${status}` } : {}) }];
    }
    const action = match.route.route ?? {};
    const arriving: MatchRequest = {
      ...matched,
      path: rewritePath(action, matched.path, compiled.matchedPathLength(match.route, url.pathname)),
      authority: rewriteHost(action, matched) ?? matched.authority,
    };
    return toCluster(world, model, from, match.cluster, share, arriving);
  });
  return { ...base, steps, explanation: compiled.explain(matched, 0) as Explanation, outcomes };
}

/** A client outside, as a gateway sees it: without a certificate, from a documentation address. */
const outsider = (gateway: Workload, port: number, http: MatchRequest): RbacInput => ({
  http,
  peer: undefined,
  directRemoteIp: '192.0.2.1',
  remoteIp: '192.0.2.1',
  localIp: gateway.pods[0]?.ip ?? '',
  localPort: port,
  serverName: undefined,
});

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new Error(`"${text}" is not a URL; write it whole, e.g. http://reviews:9080/`);
  }
}

/** A workload by name, by `<namespace>/<name>`, or by its label app or service account where that is one workload only. */
export function findWorkload(world: World, name: string): Workload {
  const slash = name.indexOf('/');
  const within =
    slash < 0 ? world.workloads : world.workloads.filter((each) => each.namespace === name.slice(0, slash));
  const plain = name.slice(slash + 1);
  const candidates = [
    within.filter((each) => each.name === plain),
    within.filter((each) => each.labels['app'] === plain),
    within.filter((each) => each.serviceAccount === plain),
    within.filter((each) => each.labels['istio'] === plain),
  ];
  const found = candidates.find((list) => list.length > 0);
  if (found) return found.find((each) => each.namespace === 'default') ?? found[0]!;
  const names = world.workloads.map((each) => each.name);
  const nearest = nearestName(plain, names);
  throw new Error(
    `there is no workload "${name}"${nearest ? `, did you mean ${nearest}?` : `; there are ${names.join(', ') || 'none'}`}`,
  );
}

const nodeOf = (workload: Workload): ProxyNode => ({
  kind: workload.proxy === 'router' ? 'router' : 'sidecar',
  ip: workload.pods[0]?.ip ?? '',
  name: workload.pods[0]?.name ?? workload.name,
  namespace: workload.namespace,
  labels: workload.labels,
  serviceAccount: workload.serviceAccount,
  flavour: 'istio',
});

/** What cluster DNS answers in a namespace, by its search domains. */
function serviceAt(model: Model, host: string, namespace: string): ModelService | undefined {
  const suffix = model.mesh.domainSuffix;
  const names = [host, `${host}.${namespace}.svc.${suffix}`, `${host}.svc.${suffix}`, `${host}.${suffix}`].map((each) =>
    each.toLowerCase().replace(/\.$/, ''),
  );
  const byName = names.map((each) => model.services.get(each)).find((each) => each !== undefined);
  return byName ?? [...model.services.values()].find((each) => each.clusterIP === host);
}

function describeHost(service: ModelService | undefined, host: string, port: number): string {
  if (!service) return `${host} is not a service of the cluster`;
  const found = service.ports.find((each) => each.port === port);
  return `${host} is ${service.hostname}, port ${port}${found ? ` (${found.protocol === 'auto' ? 'protocol is detected' : found.protocol})` : ', which it does not have'}`;
}

function findListener(
  configuration: ProxyConfiguration,
  model: Model,
  node: ProxyNode,
  service: ModelService | undefined,
  port: number,
): Listener | undefined {
  const named = (name: string) => configuration.listeners.find((each) => each.name === name)?.message;
  if (node.kind === 'router') return named(`0.0.0.0_${gatewayPort(model, node, port)}`);
  return (service && named(`${service.clusterIP}_${port}`)) ?? named(`0.0.0.0_${port}`) ?? named('virtualOutbound');
}

/** The container's port behind a port of the gateway's Service. */
function gatewayPort(model: Model, node: ProxyNode, port: number): number {
  for (const service of model.services.values()) {
    const selector = Object.entries(service.selector);
    if (
      service.namespace !== node.namespace ||
      selector.length === 0 ||
      !selector.every(([key, value]) => node.labels[key] === value)
    )
      continue;
    const target = service.ports.find((each) => each.port === port)?.targetPort;
    if (target !== undefined) return Number(target) || port;
  }
  return port;
}

function findChain(listener: Listener, url: URL): FilterChain | undefined {
  const tls = url.protocol === 'https:';
  const chains = listener.filterChains ?? [];
  const bySni = chains.find((each) =>
    each.filterChainMatch?.serverNames?.some(
      (name) => name === url.hostname || (name.startsWith('*.') && url.hostname.endsWith(name.slice(1))),
    ),
  );
  if (tls && bySni) return bySni;
  const fits = chains.find(({ filterChainMatch: match }) => {
    if (!match) return true;
    if (match.destinationPort) return false;
    if (match.serverNames?.length) return false;
    if (tls) return match.transportProtocol === 'tls';
    return (
      match.transportProtocol !== 'tls' &&
      (!match.applicationProtocols?.length || match.applicationProtocols.includes('http/1.1'))
    );
  });
  return fits ?? listener.defaultFilterChain ?? undefined;
}

/** Connections that are passed on as they are: TCP, TLS that is not ended, unknown destinations. */
function connectionTrace(
  world: World,
  model: Model,
  base: Pick<Trace, 'method' | 'url' | 'from'>,
  steps: string[],
  listener: Listener,
  chain: FilterChain | undefined,
): Trace {
  steps.push(`listener ${listener.name}, as a connection: no HTTP rule is applied`);
  const proxy = (chain?.filters ?? [])
    .map((filter) =>
      tryUnpack('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', filter.typedConfig ?? undefined),
    )
    .find((each) => each !== undefined);
  const weighted = proxy?.weightedClusters?.clusters ?? [];
  const total = weighted.reduce((sum, each) => sum + (each.weight ?? 0), 0);
  const targets = proxy?.cluster
    ? [{ name: proxy.cluster, share: 1 }]
    : weighted.map((each) => ({ name: each.name, share: (each.weight ?? 0) / (total || 1) }));
  const outcomes = targets.flatMap(({ name, share }) => toCluster(world, model, base.from, name, share));
  return {
    ...base,
    steps,
    explanation: undefined,
    outcomes:
      outcomes.length > 0 ? outcomes : [{ share: 1, pods: [], refusal: 'no filter chain takes the connection' }],
  };
}

function toMatchRequest(request: TracedRequest, url: URL): MatchRequest {
  const headers = new Map(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    authority: headers.get('host') ?? url.host,
    path: url.pathname + url.search,
    method: request.method,
    scheme: url.protocol.slice(0, -1),
    header: (name) => headers.get(name),
  };
}

function toCluster(
  world: World,
  model: Model,
  from: Workload,
  cluster: string | undefined,
  share: number,
  request?: MatchRequest,
): Outcome[] {
  if (!cluster) return [{ share, pods: [], status: 503, refusal: 'the route names no cluster' }];
  if (cluster === 'PassthroughCluster') return [{ share, cluster, pods: [] }];
  if (cluster === 'BlackHoleCluster')
    return [
      {
        share,
        cluster,
        pods: [],
        status: 502,
        refusal: 'the destination is not registered and the mesh lets nothing else out',
      },
    ];
  const [, port, subset, host] = cluster.split('|');
  const service = model.services.get(host ?? '');
  if (!service) return [{ share, cluster, pods: [], status: 503, refusal: `there is no service ${host}` }];
  return toEndpoints(world, model, from, service, Number(port), subset ?? '', share, cluster, request);
}

/** The endpoints of a cluster, by version; each pod counts the same. */
function toEndpoints(
  world: World,
  model: Model,
  from: Workload,
  service: ModelService,
  port: number,
  subset: string,
  share: number,
  cluster?: string,
  request?: MatchRequest,
): Outcome[] {
  const of = service.ports.find((each) => each.port === port);
  if (!of) return [{ share, cluster, service, pods: [], status: 503, refusal: `${service.name} has no port ${port}` }];
  const labels = subset === '' ? {} : subsetLabels(model, service, subset);
  if (labels === undefined)
    return [
      {
        share,
        cluster,
        service,
        pods: [],
        status: 503,
        refusal: `no DestinationRule of ${service.name} has a subset "${subset}"`,
      },
    ];
  const endpoints = (model.endpoints.get(service.hostname) ?? []).filter(
    (each) => each.portName === of.name && Object.entries(labels).every(([key, value]) => each.labels[key] === value),
  );
  if (endpoints.length === 0)
    return [
      {
        share,
        cluster,
        service,
        pods: [],
        status: 503,
        refusal: `no pod of ${service.name} ${subset === '' ? 'is there' : `is in subset "${subset}"`}`,
      },
    ];
  const groups = new Map<string, ModelEndpoint[]>();
  for (const endpoint of endpoints) {
    const key = endpoint.labels['version'] ?? '';
    groups.set(key, [...(groups.get(key) ?? []), endpoint]);
  }
  return [...groups].map(([version, members]) => {
    const arrival: Arrival = arrivalAt(world, model, from, members[0]!, request);
    return {
      share: (share * members.length) / endpoints.length,
      cluster,
      service,
      version: version === '' ? undefined : version,
      pods: members.map((each) => each.pod),
      addresses: members.map((each) => `${each.address}:${each.port}`),
      mutualTls: arrival.mutual,
      ...(arrival.refusal ? { refusal: arrival.refusal, status: arrival.status } : {}),
    };
  });
}

function subsetLabels(
  model: Model,
  service: ModelService,
  subset: string,
): Readonly<Record<string, string>> | undefined {
  for (const rule of model.destinationRules) {
    if (
      rule.host !== service.hostname &&
      !(rule.host.startsWith('*.') && service.hostname.endsWith(rule.host.slice(1)))
    )
      continue;
    const found = (rule.spec.subsets ?? []).find((each) => each.name === subset);
    if (found) return found.labels ?? {};
  }
  return undefined;
}
