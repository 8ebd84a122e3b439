// The messages that our programs exchange; generate.ts takes these and everything they reach.

export interface WireRoot {
  readonly message: string;
  /** The .proto file, as it is imported. */
  readonly file: string;
  /** Name of the TypeScript type, where the message's own is taken. */
  readonly as?: string | undefined;
}

const at = (file: string, ...messages: (string | readonly [string, string])[]): WireRoot[] =>
  messages.map((it) => {
    const [name, as] = typeof it === 'string' ? [it, undefined] : it;
    return { message: `${file.slice(0, file.lastIndexOf('/')).replaceAll('/', '.')}.${name}`, file, as };
  });

/** TypeScript names of Istio's own messages whose names others have too. */
export const istioNames: Readonly<Record<string, string>> = {
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig': 'AlpnFilter',
  'io.istio.http.peer_metadata.Config': 'PeerMetadata',
  'stats.PluginConfig': 'IstioStats',
};

export const roots: readonly WireRoot[] = [
  ...at('envoy/extensions/request_id/uuid/v3/uuid.proto', 'UuidRequestIdConfig'),
  ...at('envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto', 'PreviousHostsPredicate'),
  ...at('envoy/extensions/formatter/req_without_query/v3/req_without_query.proto', 'ReqWithoutQuery'),
  ...at('google/protobuf/any.proto', 'Any'),
  ...at(
    'google/protobuf/wrappers.proto',
    'UInt32Value',
    'BoolValue',
    'StringValue',
    'UInt64Value',
    'DoubleValue',
    'BytesValue',
  ),
  ...at('google/protobuf/struct.proto', 'Struct', ['Value', 'StructValue']),
  ...at('google/protobuf/empty.proto', 'Empty'),
  ...at(
    'envoy/service/discovery/v3/discovery.proto',
    'DiscoveryRequest',
    'DiscoveryResponse',
    'DeltaDiscoveryRequest',
    'DeltaDiscoveryResponse',
  ),
  ...at('envoy/config/listener/v3/listener.proto', 'Listener'),
  ...at('envoy/config/listener/v3/listener_components.proto', ['Filter', 'ListenerFilterConfig'], 'FilterChain', [
    'ListenerFilter',
    'ListenerFilter',
  ]),
  ...at('envoy/config/route/v3/route.proto', 'RouteConfiguration'),
  ...at(
    'envoy/config/route/v3/route_components.proto',
    'VirtualHost',
    'Route',
    'RouteAction',
    ['HeaderMatcher', 'HeaderMatcher'],
    ['RetryPolicy', 'RetryPolicy'],
    ['RateLimit', 'RouteRateLimit'],
  ),
  ...at('envoy/config/cluster/v3/cluster.proto', 'Cluster'),
  ...at('envoy/config/endpoint/v3/endpoint.proto', 'ClusterLoadAssignment'),
  ...at('envoy/config/bootstrap/v3/bootstrap.proto', 'Bootstrap'),
  ...at(
    'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
    'HttpConnectionManager',
    'HttpFilter',
  ),
  ...at('envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto', 'TcpProxy'),
  ...at('envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.proto', 'SniCluster'),
  ...at('envoy/extensions/filters/network/rbac/v3/rbac.proto', ['RBAC', 'NetworkRbac']),
  ...at('envoy/extensions/filters/network/set_filter_state/v3/set_filter_state.proto', [
    'Config',
    'NetworkSetFilterState',
  ]),
  ...at('envoy/extensions/filters/http/router/v3/router.proto', 'Router'),
  ...at('envoy/extensions/filters/http/fault/v3/fault.proto', 'HTTPFault'),
  ...at('envoy/extensions/filters/http/rbac/v3/rbac.proto', ['RBAC', 'HttpRbac'], ['RBACPerRoute', 'HttpRbacPerRoute']),
  ...at(
    'envoy/config/rbac/v3/rbac.proto',
    ['RBAC', 'RbacRules'],
    ['Policy', 'RbacPolicy'],
    ['Permission', 'RbacPermission'],
    ['Principal', 'RbacPrincipal'],
  ),
  ...at('envoy/extensions/filters/http/cors/v3/cors.proto', 'Cors', ['CorsPolicy', 'HttpCorsPolicy']),
  ...at('envoy/extensions/filters/http/grpc_stats/v3/config.proto', ['FilterConfig', 'GrpcStats']),
  ...at('envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.proto', ['Config', 'HttpSetFilterState']),
  ...at('envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto', [
    'LocalRateLimit',
    'HttpLocalRateLimit',
  ]),
  ...at('envoy/extensions/filters/http/jwt_authn/v3/config.proto', 'JwtAuthentication'),
  ...at('envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto', 'ExtAuthz'),
  ...at('envoy/extensions/filters/listener/original_dst/v3/original_dst.proto', 'OriginalDst'),
  ...at('envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto', 'TlsInspector'),
  ...at('envoy/extensions/filters/listener/http_inspector/v3/http_inspector.proto', 'HttpInspector'),
  ...at('envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto', [
    'ProxyProtocol',
    'ProxyProtocolFilter',
  ]),
  ...at('envoy/extensions/access_loggers/file/v3/file.proto', 'FileAccessLog'),
  ...at('envoy/extensions/access_loggers/stream/v3/stream.proto', 'StdoutAccessLog'),
  ...at(
    'envoy/extensions/transport_sockets/tls/v3/tls.proto',
    'UpstreamTlsContext',
    'DownstreamTlsContext',
    'CommonTlsContext',
  ),
  ...at('envoy/extensions/transport_sockets/tls/v3/secret.proto', 'Secret', 'SdsSecretConfig'),
  ...at('envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto', 'RawBuffer'),
  ...at('envoy/extensions/upstreams/http/v3/http_protocol_options.proto', 'HttpProtocolOptions'),
  ...at('envoy/admin/v3/config_dump.proto', 'ConfigDump', 'SecretsConfigDump', 'ScopedRoutesConfigDump'),
  ...at(
    'envoy/admin/v3/config_dump_shared.proto',
    'ListenersConfigDump',
    'ClustersConfigDump',
    'RoutesConfigDump',
    'EndpointsConfigDump',
  ),
  ...at('envoy/admin/v3/clusters.proto', 'Clusters'),
  ...at('envoy/service/status/v3/csds.proto', 'ClientConfig'),
];
