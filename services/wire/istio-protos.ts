// Istio's own messages, written here from the field numbers that its wire has.
// See security/v1alpha1/ca.proto of istio.io/api and the health protocol of gRPC.

export const istioProtos: readonly string[] = [
  `syntax = "proto3";
package istio.envoy.config.filter.http.alpn.v2alpha1;
message FilterConfig {
  enum Protocol { HTTP10 = 0; HTTP11 = 1; HTTP2 = 2; }
  message AlpnOverride {
    Protocol upstream_protocol = 1;
    repeated string alpn_override = 2;
  }
  repeated AlpnOverride alpn_override = 1;
}
`,
  `syntax = "proto3";
package envoy.tcp.metadataexchange.config;
message MetadataExchange { string protocol = 1; }
`,
  `syntax = "proto3";
package io.istio.http.peer_metadata;
message Config {
  message Baggage {}
  message WorkloadDiscovery {}
  message IstioHeaders { bool skip_external_clusters = 1; }
  message DiscoveryMethod {
    oneof method_specifier {
      Baggage baggage = 1;
      WorkloadDiscovery workload_discovery = 2;
      IstioHeaders istio_headers = 3;
    }
  }
  message PropagationMethod {
    oneof method_specifier { IstioHeaders istio_headers = 1; }
  }
  repeated DiscoveryMethod downstream_discovery = 1;
  repeated DiscoveryMethod upstream_discovery = 2;
  repeated PropagationMethod downstream_propagation = 3;
  repeated PropagationMethod upstream_propagation = 4;
  bool shared_with_upstream = 5;
  repeated string additional_labels = 6;
}
`,
  `syntax = "proto3";
package stats;
message MetricConfig {
  map<string, string> dimensions = 1;
  string name = 2;
  repeated string tags_to_remove = 3;
  string match = 4;
  bool drop = 5;
}
message PluginConfig {
  bool disable_host_header_fallback = 6;
  repeated MetricConfig metrics = 8;
}
`,
  `syntax = "proto3";
package istio.v1.auth;
message IstioCertificateRequest {
  string csr = 1;
  int64 validity_duration = 3;
  google.protobuf.Struct metadata = 4;
}
message IstioCertificateResponse { repeated string cert_chain = 1; }
`,
  `syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
`,
];
