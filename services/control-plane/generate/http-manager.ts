// HTTP connection managers of the three places that have one: outbound, inbound, gateway.
import { type Any, type HttpConnectionManager, type HttpFilter, packAny, type RouteConfiguration } from '#wire/xds.ts';
import type { Model } from '../model/build.ts';
import { httpAuthorization } from './authorization.ts';
import type { ProxyNode } from './proxy-node.ts';
import { extension } from './values.ts';

export interface HttpManagerOptions {
  readonly direction: 'inbound' | 'outbound' | 'gateway';
  readonly statPrefix: string;
  /** Name of a route configuration that comes by RDS, or the routes themselves. */
  readonly routes: string | RouteConfiguration;
}

/** Istio's default text format. @see https://istio.io/latest/docs/tasks/observability/logs/access-log/ */
const logFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% ' +
  '%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ' +
  '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

/** The access log, where the mesh wants one. */
export const accessLogs = (model: Model) =>
  model.mesh.accessLogFile === ''
    ? []
    : [
        extension('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', {
          path: model.mesh.accessLogFile,
          logFormat: { textFormatSource: { inlineString: logFormat } },
        }),
      ];

const istioStats: Any = { typeUrl: 'type.googleapis.com/stats.PluginConfig', value: new Uint8Array() };

/** Says who we are and learns who the peer is, for the labels of metrics. */
const peerMetadata = (direction: HttpManagerOptions['direction']): HttpFilter =>
  extension(
    'istio.metadata_exchange',
    'io.istio.http.peer_metadata.Config',
    direction === 'inbound'
      ? { downstreamDiscovery: [{ istioHeaders: {} }], downstreamPropagation: [{ istioHeaders: {} }] }
      : {
          upstreamDiscovery: [{ istioHeaders: {} }],
          upstreamPropagation: [{ istioHeaders: { skipExternalClusters: direction === 'gateway' } }],
        },
  );

/** In mutual TLS the protocol offered is Istio's name of the one that the request has. */
const alpn = extension('istio.alpn', 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig', {
  alpnOverride: [
    { upstreamProtocol: 'HTTP10', alpnOverride: ['istio-http/1.0', 'istio', 'http/1.0'] },
    { upstreamProtocol: 'HTTP11', alpnOverride: ['istio-http/1.1', 'istio', 'http/1.1'] },
    { upstreamProtocol: 'HTTP2', alpnOverride: ['istio-h2', 'istio', 'h2'] },
  ],
});

/** Filters in their order; a stock Envoy gets none that it does not have. */
function filters(options: HttpManagerOptions, model: Model, proxy: ProxyNode): HttpFilter[] {
  const istio = proxy.flavour === 'istio';
  const outgoing = options.direction !== 'inbound';
  return [
    ...(istio ? [peerMetadata(options.direction)] : []),
    // A sidecar's own requests are judged where they arrive.
    ...(options.direction === 'outbound' ? [] : httpAuthorization(model, proxy)),
    extension('envoy.filters.http.grpc_stats', 'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig', {
      emitFilterState: true,
    }),
    ...(istio && outgoing ? [alpn] : []),
    ...(outgoing
      ? [
          extension('envoy.filters.http.fault', 'envoy.extensions.filters.http.fault.v3.HTTPFault', {}),
          extension('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors', {}),
        ]
      : []),
    ...(istio ? [{ name: 'istio.stats', typedConfig: istioStats }] : []),
    extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {}),
  ];
}

export function httpManager(options: HttpManagerOptions, model: Model, proxy: ProxyNode): HttpConnectionManager {
  const gateway = options.direction === 'gateway';
  return {
    statPrefix: options.statPrefix,
    ...(typeof options.routes === 'string'
      ? {
          rds: {
            routeConfigName: options.routes,
            configSource: { ads: {}, initialFetchTimeout: { seconds: 0 }, resourceApiVersion: 'V3' },
          },
        }
      : { routeConfig: options.routes }),
    httpFilters: filters(options, model, proxy),
    accessLog: accessLogs(model),
    serverName: 'istio-envoy',
    ...(options.direction === 'inbound' ? { serverHeaderTransformation: 'PASS_THROUGH' } : {}),
    useRemoteAddress: { value: gateway },
    ...(gateway
      ? { forwardClientCertDetails: 'SANITIZE_SET' }
      : options.direction === 'inbound'
        ? { forwardClientCertDetails: 'APPEND_FORWARD' }
        : {}),
    ...(options.direction === 'outbound'
      ? {}
      : { setCurrentClientCertDetails: { subject: { value: true }, dns: true, uri: true } }),
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    normalizePath: { value: true },
    pathWithEscapedSlashesAction: 'KEEP_UNCHANGED',
    httpProtocolOptions: { acceptHttp10: true },
    streamIdleTimeout: { seconds: 0 },
    requestIdExtension: {
      typedConfig: {
        typeUrl: 'type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig',
        value: new Uint8Array(),
      },
    },
  };
}

export const httpFilter = (manager: HttpConnectionManager) => ({
  name: 'envoy.filters.network.http_connection_manager',
  typedConfig: packAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', manager),
});
