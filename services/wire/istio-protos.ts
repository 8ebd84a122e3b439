// Istio's own messages, written here from the field numbers that its wire has.
// See security/v1alpha1/ca.proto of istio.io/api and the health protocol of gRPC.

export const istioProtos: readonly string[] = [
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
