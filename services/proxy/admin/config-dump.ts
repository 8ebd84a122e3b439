// GET /config_dump in the form of envoy.admin.v3.ConfigDump. Private keys are never in it.
import { X509Certificate } from 'node:crypto';
import type { DataPlane } from '../data-plane.ts';
import { type Json as WireJson, toStruct } from '#wire/xds.ts';
import { toAnyJson, toProtoJson } from './proto-json.ts';

type Json = Record<string, unknown>;

const DUMP = 'type.googleapis.com/envoy.admin.v3.';
const LISTENER = 'envoy.config.listener.v3.Listener';
const CLUSTER = 'envoy.config.cluster.v3.Cluster';
const ROUTE = 'envoy.config.route.v3.RouteConfiguration';
const ENDPOINT = 'envoy.config.endpoint.v3.ClusterLoadAssignment';

export interface DumpSource {
  readonly plane: DataPlane;
  readonly startedAt: string;
  version(kind: 'cluster' | 'listener' | 'route' | 'endpoint', name: string): string;
}

export function configDump(
  source: DumpSource,
  options: { readonly includeEds: boolean; readonly resource?: string | undefined },
): Json {
  const parts = [
    bootstrap(source),
    clusters(source),
    ...(options.includeEds ? [endpoints(source)] : []),
    listeners(source),
    routes(source),
    secrets(source),
  ];
  const { resource } = options;
  if (!resource) return { configs: parts };
  return { configs: parts.flatMap((part) => (part[resource] as Json[] | undefined) ?? []) };
}

function bootstrap({ plane, startedAt }: DumpSource): Json {
  const { id, cluster, metadata } = plane.node;
  const node = toProtoJson('envoy.config.core.v3.Node', {
    id,
    cluster,
    metadata: toStruct(metadata as Record<string, WireJson>),
  });
  return { '@type': `${DUMP}BootstrapConfigDump`, bootstrap: { node }, last_updated: startedAt };
}

function clusters(source: DumpSource): Json {
  const list = [...source.plane.clusterResources].map(([name, resource]) => ({
    version_info: source.version('cluster', name),
    cluster: toAnyJson(CLUSTER, resource),
    last_updated: source.startedAt,
  }));
  return { '@type': `${DUMP}ClustersConfigDump`, dynamic_active_clusters: list };
}

function listeners(source: DumpSource): Json {
  const list = source.plane.listeners.configs.map(({ name, resource }) => ({
    name,
    active_state: {
      version_info: source.version('listener', name),
      listener: toAnyJson(LISTENER, resource),
      last_updated: source.startedAt,
    },
  }));
  return { '@type': `${DUMP}ListenersConfigDump`, dynamic_listeners: list };
}

function routes(source: DumpSource): Json {
  const dynamic = source.plane.routes.resources().map((resource) => ({
    version_info: source.version('route', resource.name ?? ''),
    route_config: toAnyJson(ROUTE, resource),
    last_updated: source.startedAt,
  }));
  const fixed = source.plane.listeners.configs.flatMap((listener) =>
    listener.inlineRoutes.map((resource) => ({
      route_config: toAnyJson(ROUTE, resource),
      last_updated: source.startedAt,
    })),
  );
  return { '@type': `${DUMP}RoutesConfigDump`, static_route_configs: fixed, dynamic_route_configs: dynamic };
}

function endpoints(source: DumpSource): Json {
  const list = [...source.plane.endpointResources].map(([name, resource]) => ({
    version_info: source.version('endpoint', name),
    endpoint_config: toAnyJson(ENDPOINT, resource),
    last_updated: source.startedAt,
  }));
  return { '@type': `${DUMP}EndpointsConfigDump`, dynamic_endpoint_configs: list };
}

function secrets({ plane, startedAt }: DumpSource): Json {
  const names = plane.secrets.names();
  const secret = (name: string, body: Json): Json => ({
    name,
    version_info: String(plane.secrets.version),
    last_updated: startedAt,
    secret: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret', name, ...body },
  });
  const bytes = (pem: string | undefined): Json => ({ inline_bytes: Buffer.from(pem ?? '').toString('base64') });
  return {
    '@type': `${DUMP}SecretsConfigDump`,
    dynamic_active_secrets: [
      ...names.certificates.map((name) =>
        secret(name, {
          tls_certificate: {
            certificate_chain: bytes(plane.secrets.certificate(name)?.certificateChain),
            private_key: bytes('[redacted]'),
          },
        }),
      ),
      ...names.validations.map((name) =>
        secret(name, { validation_context: { trusted_ca: bytes(plane.secrets.validation(name)?.trustedCa) } }),
      ),
    ],
  };
}

/** GET /certs */
export function certificates({ plane }: DumpSource): Json {
  const describe = (pem: string): Json => {
    const certificate = new X509Certificate(pem);
    return {
      path: '<inline>',
      serial_number: certificate.serialNumber.toLowerCase(),
      subject_alt_names: (certificate.subjectAltName ?? '')
        .split(', ')
        .filter(Boolean)
        .map((name) => (name.startsWith('URI:') ? { uri: name.slice(4) } : { dns: name.replace(/^DNS:/, '') })),
      days_until_expiration: String(Math.floor((certificate.validToDate.getTime() - Date.now()) / 86_400_000)),
      valid_from: certificate.validFromDate.toISOString(),
      expiration_time: certificate.validToDate.toISOString(),
    };
  };
  const { certificates: own, validations } = plane.secrets.names();
  return {
    certificates: own.map((name) => ({
      ca_cert: validations.map((root) => describe(plane.secrets.validation(root)?.trustedCa ?? '')),
      cert_chain: [describe(plane.secrets.certificate(name)?.certificateChain ?? '')],
    })),
  };
}
