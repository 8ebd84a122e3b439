// Cluster and ClusterLoadAssignment resources, compiled: what upstream/ needs, with Envoy's defaults filled in.
import type { BalancePolicy } from '#lib/balance/host.ts';
import { UpstreamTls, type UpstreamTlsConfig } from '../upstream/tls.ts';
import type { EndpointLabels, EndpointWorkload } from '../upstream/endpoint.ts';
import type { OutlierConfig } from '../upstream/outlier.ts';
import { booleanOf, durationMs, numberOf } from './fields.ts';
import { type DataSource, readDataSource } from './data-source.ts';
import { compileSanMatchers, type StringMatcher } from './san.ts';
import type { SecretStore } from './secrets.ts';
import { filterMetadata, plainStruct } from './struct.ts';
import { unpackTyped, type TypedConfig } from './typed.ts';

export interface EndpointConfig {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly healthy: boolean;
  readonly locality: EndpointLabels | undefined;
  readonly workload: EndpointWorkload | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface EndpointGroup {
  readonly priority: number;
  readonly localityWeight: number;
  readonly endpoints: readonly EndpointConfig[];
}

export interface CircuitLimits {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
}

export interface ClusterConfig {
  readonly name: string;
  readonly discovery: 'static' | 'eds' | 'dns' | 'original-dst';
  readonly edsName: string;
  readonly staticGroups: readonly EndpointGroup[];
  readonly dnsHosts: readonly { readonly host: string; readonly port: number }[];
  readonly dnsRefreshMs: number;
  readonly balance: BalancePolicy;
  readonly panicThreshold: number;
  readonly localityWeighted: boolean;
  readonly limits: CircuitLimits;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** 0: no limit. */
  readonly maxRequestsPerConnection: number;
  readonly http2: boolean;
  /** Speak to the upstream what the client spoke to us. */
  readonly mirrorsDownstreamProtocol: boolean;
  readonly bindAddress: string | undefined;
  readonly portOverride: number | undefined;
  readonly outlier: OutlierConfig | undefined;
  /** TLS for an endpoint with this metadata; undefined: plaintext. */
  readonly transport: (metadata: Readonly<Record<string, unknown>>) => UpstreamTls | undefined;
  /** Equal while transports are equal. */
  readonly transportVersion: string;
  /** Service of Istio's metadata: labels in metrics. */
  readonly service: { readonly host: string; readonly name: string; readonly namespace: string } | undefined;
  readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** SDS names that its transports need. */
  readonly secretNames: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;
type Dictionary = Readonly<Record<string, Fields>>;

interface TransportSocket {
  readonly name?: string;
  readonly typedConfig?: TypedConfig;
}

/** Only the fields that are read; wire's Cluster satisfies it. */
export interface ClusterResource {
  readonly name?: string;
  readonly type?: string | number;
  readonly [field: string]: unknown;
}

const MAX_UINT32 = 4_294_967_295;

export function compileCluster(resource: ClusterResource, secrets: SecretStore): ClusterConfig {
  const name = resource.name ?? '';
  if (name === '') throw new Error('a cluster without a name');
  const discovery = discoveryOf(resource);
  const assignment = resource['loadAssignment'] as LoadAssignment | undefined;
  const common = (resource['commonLbConfig'] ?? {}) as Fields;
  const protocol = protocolOptions(resource);
  const limits = circuitLimits(resource);
  const transports = compileTransports(resource, secrets);
  const metadata = filterMetadata(resource['metadata']);
  return {
    name,
    discovery,
    edsName: String((resource['edsClusterConfig'] as Fields | undefined)?.['serviceName'] || name),
    staticGroups: discovery === 'static' ? compileEndpoints(assignment ?? {}) : [],
    dnsHosts: discovery === 'dns' ? dnsHosts(assignment ?? {}) : [],
    dnsRefreshMs: durationMs(resource['dnsRefreshRate']) ?? 5000,
    balance: balanceOf(resource),
    panicThreshold: percentOf(common['healthyPanicThreshold'], 50),
    localityWeighted: common['localityWeightedLbConfig'] !== undefined && common['localityWeightedLbConfig'] !== null,
    limits,
    connectTimeoutMs: durationMs(resource['connectTimeout']) ?? 5000,
    idleTimeoutMs: protocol.idleTimeoutMs,
    maxRequestsPerConnection: protocol.maxRequestsPerConnection,
    http2: protocol.http2,
    mirrorsDownstreamProtocol: protocol.mirrors,
    bindAddress: bindAddressOf(resource),
    portOverride: originalPort(resource),
    outlier: outlierOf(resource['outlierDetection'] as Fields | undefined),
    transport: transports.choose,
    transportVersion: transports.version,
    secretNames: transports.secretNames,
    service: serviceOf(metadata),
    metadata,
  };
}

function discoveryOf(resource: ClusterResource): ClusterConfig['discovery'] {
  switch (resource.type ?? 'STATIC') {
    case 'STATIC':
    case 0:
      return 'static';
    case 'STRICT_DNS':
    case 1:
    case 'LOGICAL_DNS':
    case 2:
      return 'dns';
    case 'EDS':
    case 3:
      return 'eds';
    case 'ORIGINAL_DST':
    case 4:
      return 'original-dst';
    default:
      throw new Error(`cluster ${resource.name}: discovery type ${String(resource.type)} is not supported`);
  }
}

interface LoadAssignment {
  readonly endpoints?: readonly Fields[];
}

export function compileEndpoints(assignment: LoadAssignment): EndpointGroup[] {
  return (assignment.endpoints ?? []).map((group) => {
    const locality = group['locality'] as { region?: string; zone?: string; subZone?: string } | undefined;
    const labels = locality
      ? { region: locality.region ?? '', zone: locality.zone ?? '', subZone: locality.subZone ?? '' }
      : undefined;
    return {
      priority: numberOf(group['priority'], 0),
      localityWeight: numberOf(group['loadBalancingWeight'], 1),
      endpoints: ((group['lbEndpoints'] ?? []) as Fields[]).flatMap((endpoint) => compileEndpoint(endpoint, labels)),
    };
  });
}

function compileEndpoint(resource: Fields, locality: EndpointLabels | undefined): EndpointConfig[] {
  const endpoint = resource['endpoint'] as { address?: { socketAddress?: SocketAddress } } | undefined;
  const socket = endpoint?.address?.socketAddress;
  if (socket?.address === undefined) return [];
  const health = resource['healthStatus'];
  const metadata = filterMetadata(resource['metadata']);
  const unhealthy =
    health === 'UNHEALTHY' ||
    health === 2 ||
    health === 'DRAINING' ||
    health === 3 ||
    health === 'TIMEOUT' ||
    health === 4;
  return [
    {
      address: socket.address,
      port: Number(socket.portValue ?? 0),
      weight: numberOf(resource['loadBalancingWeight'], 1),
      healthy: !unhealthy,
      locality,
      workload: workloadOf(metadata['istio']?.['workload']),
      metadata: metadata['envoy.transport_socket_match'] ?? {},
    },
  ];
}

interface SocketAddress {
  readonly address?: string;
  readonly portValue?: number;
}

function workloadOf(value: unknown): EndpointWorkload | undefined {
  if (typeof value !== 'string') return undefined;
  const [name = '', namespace = '', canonicalName = '', canonicalRevision = '', cluster = ''] = value.split(';');
  return { name, namespace, canonicalName, canonicalRevision: canonicalRevision || 'latest', cluster };
}

function dnsHosts(assignment: LoadAssignment): { host: string; port: number }[] {
  return compileEndpoints(assignment).flatMap((group) =>
    group.endpoints.map(({ address, port }) => ({ host: address, port })),
  );
}

function balanceOf(resource: ClusterResource): BalancePolicy {
  switch (resource['lbPolicy']) {
    case 'LEAST_REQUEST':
    case 1: {
      const config = (resource['leastRequestLbConfig'] ?? {}) as Fields;
      return { kind: 'least-request', choices: numberOf(config['choiceCount'], 2) };
    }
    case 'RING_HASH':
    case 2: {
      const config = (resource['ringHashLbConfig'] ?? {}) as Fields;
      return { kind: 'ring-hash', minimumRingSize: numberOf(config['minimumRingSize'], 1024) };
    }
    case 'RANDOM':
    case 3:
      return { kind: 'random' };
    case 'MAGLEV':
    case 5: {
      const config = (resource['maglevLbConfig'] ?? {}) as Fields;
      return { kind: 'maglev', tableSize: numberOf(config['tableSize'], 65_537) };
    }
    default:
      return { kind: 'round-robin' };
  }
}

function percentOf(value: unknown, fallback: number): number {
  if (value === undefined || value === null) return fallback;
  return Number((value as { value?: number }).value ?? 0);
}

function circuitLimits(resource: ClusterResource): CircuitLimits {
  const breakers = resource['circuitBreakers'] as { thresholds?: Fields[] } | undefined;
  const threshold =
    breakers?.thresholds?.find((one) => [undefined, 'DEFAULT', 0].includes(one['priority'] as string)) ?? {};
  return {
    maxConnections: numberOf(threshold['maxConnections'], 1024),
    maxPendingRequests: numberOf(threshold['maxPendingRequests'], 1024),
    maxRequests: numberOf(threshold['maxRequests'], 1024),
    maxRetries: Math.min(MAX_UINT32, numberOf(threshold['maxRetries'], 3)),
  };
}

function protocolOptions(resource: ClusterResource): {
  idleTimeoutMs: number;
  maxRequestsPerConnection: number;
  http2: boolean;
  mirrors: boolean;
} {
  const extensions = (resource['typedExtensionProtocolOptions'] ?? {}) as Record<string, TypedConfig>;
  const packed = extensions['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];
  const options = packed === undefined ? {} : unpackTyped(packed).message;
  const common = (options['commonHttpProtocolOptions'] ?? resource['commonHttpProtocolOptions'] ?? {}) as Fields;
  const explicit = options['explicitHttpConfig'] as Fields | undefined;
  return {
    idleTimeoutMs: durationMs(common['idleTimeout']) || 3_600_000,
    maxRequestsPerConnection: numberOf(common['maxRequestsPerConnection'] ?? resource['maxRequestsPerConnection'], 0),
    http2: explicit?.['http2ProtocolOptions'] != null || resource['http2ProtocolOptions'] != null,
    mirrors: options['useDownstreamProtocolConfig'] != null,
  };
}

function bindAddressOf(resource: ClusterResource): string | undefined {
  const bind = resource['upstreamBindConfig'] as { sourceAddress?: SocketAddress } | undefined;
  return bind?.sourceAddress?.address;
}

function originalPort(resource: ClusterResource): number | undefined {
  const config = resource['originalDstLbConfig'] as Fields | undefined;
  const port = numberOf(config?.['upstreamPortOverride'], 0);
  return port === 0 ? undefined : port;
}

function outlierOf(config: Fields | undefined): OutlierConfig | undefined {
  if (config === undefined || config === null) return undefined;
  const baseEjectionMs = durationMs(config['baseEjectionTime']) ?? 30_000;
  return {
    consecutive5xx: numberOf(config['enforcingConsecutive5xx'], 100) === 0 ? 0 : numberOf(config['consecutive5xx'], 5),
    consecutiveGatewayFailure:
      numberOf(config['enforcingConsecutiveGatewayFailure'], 0) === 0
        ? 0
        : numberOf(config['consecutiveGatewayFailure'], 5),
    consecutiveLocalOriginFailure: numberOf(config['consecutiveLocalOriginFailure'], 5),
    splitLocalOrigin: booleanOf(config['splitExternalLocalOriginErrors'], false),
    intervalMs: durationMs(config['interval']) ?? 10_000,
    baseEjectionMs,
    maxEjectionMs: durationMs(config['maxEjectionTime']) ?? Math.max(300_000, baseEjectionMs),
    maxEjectionPercent: numberOf(config['maxEjectionPercent'], 10),
  };
}

function serviceOf(metadata: Dictionary): ClusterConfig['service'] {
  const services = metadata['istio']?.['services'] as
    | { host?: string; name?: string; namespace?: string }[]
    | undefined;
  const first = services?.[0];
  return first === undefined
    ? undefined
    : { host: first.host ?? '', name: first.name ?? '', namespace: first.namespace ?? '' };
}

interface Transports {
  readonly choose: ClusterConfig['transport'];
  readonly version: string;
  readonly secretNames: readonly string[];
}

function compileTransports(resource: ClusterResource, secrets: SecretStore): Transports {
  const matches = (
    (resource['transportSocketMatches'] ?? []) as { match?: Fields; transportSocket?: TransportSocket }[]
  ).map((one) => ({
    wanted: Object.entries(plainStruct(one.match)),
    tls: compileTransport(one.transportSocket, secrets),
  }));
  const fallback = compileTransport(resource['transportSocket'] as TransportSocket | undefined, secrets);
  const version = JSON.stringify([...matches.map(({ wanted, tls }) => [wanted, tls?.config]), fallback?.config]);
  const used = [...matches.map(({ tls }) => tls), fallback].flatMap((tls) => [
    tls?.config.certificate,
    tls?.config.validation,
  ]);
  return {
    version,
    secretNames: used.filter((name) => name !== undefined),
    choose: (metadata) => {
      for (const { wanted, tls } of matches) {
        if (wanted.every(([key, value]) => metadata[key] === value)) return tls;
      }
      return fallback;
    },
  };
}

function compileTransport(socket: TransportSocket | undefined, secrets: SecretStore): UpstreamTls | undefined {
  if (socket?.typedConfig === undefined) return undefined;
  const { type, message } = unpackTyped(socket.typedConfig);
  if (type.endsWith('.RawBuffer')) return undefined;
  if (!type.endsWith('.UpstreamTlsContext')) throw new Error(`transport socket ${type} is not supported`);
  return new UpstreamTls(upstreamTlsConfig(message, secrets), secrets);
}

function upstreamTlsConfig(message: Fields, secrets: SecretStore): UpstreamTlsConfig {
  const common = (message['commonTlsContext'] ?? {}) as CommonTlsContext;
  const combined = common.combinedValidationContext;
  const validation = combined?.defaultValidationContext ?? common.validationContext ?? {};
  const alpn = common.alpnProtocols ?? [];
  return {
    sni: (message['sni'] as string | undefined) || undefined,
    alpn,
    certificate: common.tlsCertificateSdsSecretConfigs?.[0]?.name ?? inlineCertificate(common, secrets),
    validation: validationName(common, secrets),
    sans: compileSanMatchers(validation.matchTypedSubjectAltNames, validation.matchSubjectAltNames),
    minVersion: tlsVersion(common.tlsParams?.tlsMinimumProtocolVersion, 'TLSv1.2'),
    maxVersion: tlsVersion(common.tlsParams?.tlsMaximumProtocolVersion, 'TLSv1.3'),
    isMesh: alpn.includes('istio') || alpn.includes('istio-peer-exchange'),
  };
}

export interface CommonTlsContext {
  readonly alpnProtocols?: readonly string[];
  readonly tlsParams?: {
    readonly tlsMinimumProtocolVersion?: string | number;
    readonly tlsMaximumProtocolVersion?: string | number;
  };
  readonly tlsCertificateSdsSecretConfigs?: readonly { readonly name?: string }[];
  readonly tlsCertificates?: readonly { readonly certificateChain?: DataSource; readonly privateKey?: DataSource }[];
  readonly validationContext?: ValidationContext;
  readonly validationContextSdsSecretConfig?: { readonly name?: string };
  readonly combinedValidationContext?: {
    readonly defaultValidationContext?: ValidationContext;
    readonly validationContextSdsSecretConfig?: { readonly name?: string };
  };
}

/** Certificate and key that stand in the context itself, kept under a name of their own. */
export function inlineCertificate(common: CommonTlsContext, secrets: SecretStore): string | undefined {
  const { certificateChain, privateKey } = common.tlsCertificates?.[0] ?? {};
  if (certificateChain === undefined || privateKey === undefined) return undefined;
  return secrets.keepCertificate({
    certificateChain: readDataSource(certificateChain),
    privateKey: readDataSource(privateKey),
  });
}

/** Name of the CA bundle: by SDS, or standing in the context itself. */
export function validationName(common: CommonTlsContext, secrets: SecretStore): string | undefined {
  const combined = common.combinedValidationContext;
  const name = combined?.validationContextSdsSecretConfig?.name ?? common.validationContextSdsSecretConfig?.name;
  if (name !== undefined) return name;
  const trustedCa = (combined?.defaultValidationContext ?? common.validationContext)?.trustedCa;
  return trustedCa == null ? undefined : secrets.keepValidation({ trustedCa: readDataSource(trustedCa) });
}

export interface ValidationContext {
  readonly trustedCa?: DataSource;
  readonly matchSubjectAltNames?: readonly StringMatcher[];
  readonly matchTypedSubjectAltNames?: readonly {
    readonly sanType?: string | number;
    readonly matcher?: StringMatcher;
  }[];
}

export function tlsVersion(value: string | number | undefined, fallback: 'TLSv1.2' | 'TLSv1.3'): 'TLSv1.2' | 'TLSv1.3' {
  if (value === 'TLSv1_3' || value === 4) return 'TLSv1.3';
  if (value === undefined || value === 'TLS_AUTO' || value === 0) return fallback;
  return 'TLSv1.2';
}
