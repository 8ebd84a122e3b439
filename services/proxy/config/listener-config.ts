// Listener resources, compiled: addresses, filter chains with their matches, TLS, and what each chain does.
import { booleanOf, durationMs, numberOf } from './fields.ts';
import { compileAccessLogs } from './access-log-config.ts';
import { compileFilterChainMatch, type CompiledMatch, type FilterChainMatchResource } from './filter-chain-match.ts';
import { compileDownstreamTls, type DownstreamTlsConfig } from './downstream-tls-config.ts';
import type { HttpConfig, RouteSource } from './http-config.ts';
import type { SecretStore } from './secrets.ts';
import { compileRouteTable, type RouteConfigurationResource } from './route-table.ts';
import { unpackTyped, type TypedConfig } from './typed.ts';
import type { Layer } from '../stack/layer.ts';
import type { TcpConfig, TcpLayer } from '../tcp/proxy.ts';
import type { AccessLogFormat } from '#lib/telemetry/access-log.ts';

type Fields = Readonly<Record<string, unknown>>;
export type Direction = HttpConfig['direction'];

export interface ListenerResource {
  readonly name?: string;
  readonly [field: string]: unknown;
}

/** A chain's use; `current` is replaced when the same chain comes with another configuration. */
export interface Service {
  current: { readonly kind: 'http'; readonly http: HttpConfig } | { readonly kind: 'tcp'; readonly tcp: TcpConfig };
}

export interface FilterChain {
  readonly name: string;
  /** Name and match: chains of one name differ in what they match. */
  readonly key: string;
  readonly match: CompiledMatch;
  readonly tls: DownstreamTlsConfig | undefined;
  readonly service: Service;
  /** RDS name, if its routes come that way. */
  readonly routeName: string | undefined;
  readonly inlineRoutes: RouteConfigurationResource | undefined;
}

export interface ListenerConfig {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly bindToPort: boolean;
  readonly useOriginalDestination: boolean;
  readonly direction: Direction;
  readonly chains: readonly FilterChain[];
  readonly defaultChain: FilterChain | undefined;
  /** Are the first bytes of connections to this destination port looked at? */
  readonly inspectsTls: (port: number) => boolean;
  readonly inspectsHttp: (port: number) => boolean;
  /** 0: wait for ever. */
  readonly inspectTimeoutMs: number;
  readonly continueOnTimeout: boolean;
  readonly accessLogs: readonly AccessLogFormat[];
  readonly resource: ListenerResource;
  /** Route configurations inside its connection managers. */
  readonly inlineRoutes: readonly RouteConfigurationResource[];
}

/** Makes the layers of filters; what needs state of the proxy comes from outside. */
export interface FilterFactory {
  http(name: string, filter: Fields, direction: Direction): Layer | undefined;
  tcp(name: string, filter: Fields, direction: Direction): TcpLayer | undefined;
  routeSource(name: string): RouteSource;
  readonly secrets: SecretStore;
}

export function compileListener(resource: ListenerResource, filters: FilterFactory): ListenerConfig {
  const name = resource.name ?? '';
  const socket = (resource['address'] as { socketAddress?: { address?: string; portValue?: number } } | undefined)
    ?.socketAddress;
  if (socket?.address === undefined) throw new Error(`listener ${name}: only socket addresses are supported`);
  const direction = directionOf(resource['trafficDirection']);
  const chain = (one: Fields, index: number): FilterChain => compileChain(one, `${name}#${index}`, direction, filters);
  const chains = ((resource['filterChains'] ?? []) as Fields[]).map(chain);
  const fallback = resource['defaultFilterChain'] as Fields | undefined;
  const inspectors = inspectorsOf((resource['listenerFilters'] ?? []) as ListenerFilter[]);
  const needsHttp = chains.some(({ match }) => match.needsHttp);
  return {
    name,
    address: socket.address,
    port: Number(socket.portValue ?? 0),
    bindToPort: booleanOf(
      resource['bindToPort'],
      booleanOf((resource['deprecatedV1'] as Fields | undefined)?.['bindToPort'], true),
    ),
    useOriginalDestination: booleanOf(resource['useOriginalDst'], false),
    direction,
    chains,
    defaultChain: fallback == null ? undefined : compileChain(fallback, `${name}#default`, direction, filters),
    inspectsTls:
      inspectors.tls ?? (chains.some(({ match, tls }) => match.needsTls && tls !== undefined) ? always : never),
    inspectsHttp: needsHttp ? (inspectors.http ?? never) : never,
    inspectTimeoutMs: durationMs(resource['listenerFiltersTimeout']) ?? 15_000,
    continueOnTimeout: booleanOf(resource['continueOnListenerFiltersTimeout'], false),
    accessLogs: compileAccessLogs(resource['accessLog'] as Fields[] | undefined),
    resource,
    inlineRoutes: chains.flatMap((one) => (one.inlineRoutes === undefined ? [] : [one.inlineRoutes])),
  };
}

interface ListenerFilter {
  readonly name?: string;
  readonly filterDisabled?: DisableMatch;
}

/** envoy.config.listener.v3.ListenerFilterChainMatchPredicate */
interface DisableMatch {
  readonly orMatch?: { readonly rules?: readonly DisableMatch[] };
  readonly andMatch?: { readonly rules?: readonly DisableMatch[] };
  readonly notMatch?: DisableMatch;
  readonly anyMatch?: boolean;
  readonly destinationPortRange?: { readonly start?: number; readonly end?: number };
}

type OfPort = (port: number) => boolean;
const always: OfPort = () => true;
const never: OfPort = () => false;

function inspectorsOf(filters: readonly ListenerFilter[]): {
  readonly tls: OfPort | undefined;
  readonly http: OfPort | undefined;
} {
  const find = (name: string): OfPort | undefined => {
    const filter = filters.find((one) => one.name === `envoy.filters.listener.${name}`);
    if (filter === undefined) return undefined;
    const { filterDisabled } = filter;
    return filterDisabled == null ? always : (port) => !matchesPort(filterDisabled, port);
  };
  return { tls: find('tls_inspector'), http: find('http_inspector') };
}

function matchesPort(match: DisableMatch, port: number): boolean {
  if (match.orMatch != null) return (match.orMatch.rules ?? []).some((rule) => matchesPort(rule, port));
  if (match.andMatch != null) return (match.andMatch.rules ?? []).every((rule) => matchesPort(rule, port));
  if (match.notMatch != null) return !matchesPort(match.notMatch, port);
  const range = match.destinationPortRange;
  if (range != null) return port >= (range.start ?? 0) && port < (range.end ?? 0);
  return match.anyMatch === true;
}

function directionOf(value: unknown): Direction {
  if (value === 'INBOUND' || value === 1) return 'inbound';
  return value === 'OUTBOUND' || value === 2 ? 'outbound' : 'unspecified';
}

function compileChain(chain: Fields, fallbackName: string, direction: Direction, filters: FilterFactory): FilterChain {
  const name = (chain['name'] as string | undefined) || fallbackName;
  const socket = chain['transportSocket'] as { typedConfig?: TypedConfig } | undefined;
  const tcpLayers: TcpLayer[] = [];
  for (const filter of (chain['filters'] ?? []) as { name?: string; typedConfig?: TypedConfig }[]) {
    const filterName = filter.name ?? '';
    const type = String(filter.typedConfig?.['@type'] ?? filter.typedConfig?.['typeUrl'] ?? '');
    if (type.endsWith('.HttpConnectionManager')) {
      const message = unpackTyped(filter.typedConfig ?? {}).message;
      const http = compileHttp(message, direction, filters, tcpLayers);
      const rds = message['rds'] as { routeConfigName?: string } | undefined;
      return {
        name,
        key: JSON.stringify([name, chain['filterChainMatch'] ?? {}]),
        match: compileFilterChainMatch(chain['filterChainMatch'] as FilterChainMatchResource | undefined),
        tls: compileDownstreamTls(socket?.typedConfig, filters.secrets),
        service: { current: { kind: 'http', http } },
        routeName: rds?.routeConfigName,
        inlineRoutes: (message['routeConfig'] as RouteConfigurationResource | undefined) ?? undefined,
      };
    }
    if (type.endsWith('.TcpProxy')) {
      const tcp = compileTcp(unpackTyped(filter.typedConfig ?? {}).message, direction, tcpLayers);
      return {
        name,
        key: JSON.stringify([name, chain['filterChainMatch'] ?? {}]),
        match: compileFilterChainMatch(chain['filterChainMatch'] as FilterChainMatchResource | undefined),
        tls: compileDownstreamTls(socket?.typedConfig, filters.secrets),
        service: { current: { kind: 'tcp', tcp } },
        routeName: undefined,
        inlineRoutes: undefined,
      };
    }
    const layer = filters.tcp(filterName, filter, direction);
    if (layer !== undefined) tcpLayers.push(layer);
  }
  throw new Error(`filter chain ${name}: it ends neither in an HttpConnectionManager nor in a TcpProxy`);
}

function compileTcp(message: Fields, direction: Direction, layers: readonly TcpLayer[]): TcpConfig {
  const weighted = (message['weightedClusters'] as { clusters?: { name?: string; weight?: unknown }[] } | undefined)
    ?.clusters;
  const clusters = weighted?.length
    ? weighted.map(({ name, weight }) => ({ name: name ?? '', weight: numberOf(weight, 1) }))
    : [{ name: String(message['cluster'] ?? ''), weight: 1 }];
  return {
    statPrefix: String(message['statPrefix'] ?? ''),
    direction,
    clusters,
    totalWeight: clusters.reduce((sum, { weight }) => sum + weight, 0),
    idleTimeoutMs: durationMs(message['idleTimeout']) ?? 3_600_000,
    maxConnectAttempts: numberOf(message['maxConnectAttempts'], 1),
    accessLogs: compileAccessLogs(message['accessLog'] as Fields[] | undefined),
    layers,
  };
}

const CERT_MODES: Readonly<Record<string, HttpConfig['forwardClientCert']>> = {
  SANITIZE: 'sanitize',
  FORWARD_ONLY: 'forward-only',
  APPEND_FORWARD: 'append-forward',
  SANITIZE_SET: 'sanitize-set',
  ALWAYS_FORWARD_ONLY: 'always-forward-only',
  '0': 'sanitize',
  '1': 'forward-only',
  '2': 'append-forward',
  '3': 'sanitize-set',
  '4': 'always-forward-only',
};

function compileHttp(
  message: Fields,
  direction: Direction,
  filters: FilterFactory,
  _tcp: readonly TcpLayer[],
): HttpConfig {
  const rds = message['rds'] as { routeConfigName?: string } | undefined;
  const inline = message['routeConfig'] as RouteConfigurationResource | undefined;
  const routes: RouteSource =
    inline != null
      ? { name: inline.name ?? '', current: compileRouteTable(inline) }
      : filters.routeSource(rds?.routeConfigName ?? '');
  const layers: Layer[] = [];
  for (const filter of (message['httpFilters'] ?? []) as Fields[]) {
    const layer = filters.http(String(filter['name'] ?? ''), filter, direction);
    if (layer !== undefined) layers.push(layer);
  }
  const common = (message['commonHttpProtocolOptions'] ?? {}) as Fields;
  const details = (message['setCurrentClientCertDetails'] ?? {}) as Fields;
  const upgrades = ((message['upgradeConfigs'] ?? []) as Fields[]).filter((one) => booleanOf(one['enabled'], true));
  const transformation = message['serverHeaderTransformation'];
  const codec = message['codecType'];
  return {
    statPrefix: String(message['statPrefix'] ?? ''),
    direction,
    routes,
    layers,
    serverName: String(message['serverName'] || 'envoy'),
    serverHeader:
      transformation === 'PASS_THROUGH' || transformation === 2
        ? 'pass-through'
        : transformation === 'APPEND_IF_ABSENT' || transformation === 1
          ? 'append-if-absent'
          : 'overwrite',
    useRemoteAddress: booleanOf(message['useRemoteAddress'], false),
    xffTrustedHops: numberOf(message['xffNumTrustedHops'], 0),
    generateRequestId: booleanOf(message['generateRequestId'], true),
    preserveExternalRequestId: message['preserveExternalRequestId'] === true,
    normalizePath: booleanOf(message['normalizePath'], false),
    mergeSlashes: message['mergeSlashes'] === true,
    stripTrailingHostDot: message['stripTrailingHostDot'] === true,
    stripPort: message['stripAnyHostPort'] === true || message['stripMatchingHostPort'] === true,
    upgrades: new Set(upgrades.map((one) => String(one['upgradeType'] ?? '').toLowerCase())),
    acceptHttp10: (message['httpProtocolOptions'] as Fields | undefined)?.['acceptHttp10'] === true,
    streamIdleTimeoutMs: durationMs(message['streamIdleTimeout']) ?? 300_000,
    connectionIdleTimeoutMs: durationMs(common['idleTimeout']) ?? 3_600_000,
    forwardClientCert: CERT_MODES[String(message['forwardClientCertDetails'] ?? '0')] ?? 'sanitize',
    setClientCert: {
      subject: booleanOf(details['subject'], false),
      uri: details['uri'] === true,
      dns: details['dns'] === true,
    },
    codec: codec === 'HTTP1' || codec === 1 ? 'http1' : codec === 'HTTP2' || codec === 2 ? 'http2' : 'auto',
    suppressEnvoyHeaders: suppressesEnvoyHeaders(message),
    accessLogs: compileAccessLogs(message['accessLog'] as Fields[] | undefined),
  };
}

function suppressesEnvoyHeaders(message: Fields): boolean {
  const router = ((message['httpFilters'] ?? []) as { name?: string; typedConfig?: TypedConfig }[]).find(
    ({ name }) => name === 'envoy.filters.http.router',
  );
  if (router?.typedConfig === undefined) return false;
  return unpackTyped(router.typedConfig).message['suppressEnvoyHeaders'] === true;
}
