// gRPC service definitions in the form that @grpc/grpc-js takes, over plain objects.
import { decodeMessage, encodeMessage, type MessageName } from './messages.ts';
import type { Messages } from './generated/types.ts';

/** One method; has the shape of grpc-js's MethodDefinition. */
export interface WireMethod<Q, A> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: Q) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Q;
  readonly responseSerialize: (value: A) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => A;
  readonly originalName: string;
}

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function method<Q extends MessageName, A extends MessageName>(
  service: string,
  name: string,
  request: Q,
  response: A,
  kind: 'unary' | 'bidi' | 'server',
): WireMethod<Messages[Q], Messages[A]> {
  return {
    path: `/${service}/${name}`,
    requestStream: kind === 'bidi',
    responseStream: kind !== 'unary',
    requestSerialize: (value) => toBuffer(encodeMessage(request, value)),
    requestDeserialize: (bytes) => decodeMessage(request, bytes),
    responseSerialize: (value) => toBuffer(encodeMessage(response, value)),
    responseDeserialize: (bytes) => decodeMessage(response, bytes),
    originalName: name.charAt(0).toLowerCase() + name.slice(1),
  };
}

const discovery = 'envoy.service.discovery.v3';

/** @see https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol */
export const aggregatedDiscoveryService = {
  StreamAggregatedResources: method(
    `${discovery}.AggregatedDiscoveryService`,
    'StreamAggregatedResources',
    `${discovery}.DiscoveryRequest`,
    `${discovery}.DiscoveryResponse`,
    'bidi',
  ),
  DeltaAggregatedResources: method(
    `${discovery}.AggregatedDiscoveryService`,
    'DeltaAggregatedResources',
    `${discovery}.DeltaDiscoveryRequest`,
    `${discovery}.DeltaDiscoveryResponse`,
    'bidi',
  ),
} as const;

/** Secrets by SDS, as an agent serves them to a stock Envoy. */
export const secretDiscoveryService = {
  StreamSecrets: method(
    'envoy.service.secret.v3.SecretDiscoveryService',
    'StreamSecrets',
    `${discovery}.DiscoveryRequest`,
    `${discovery}.DiscoveryResponse`,
    'bidi',
  ),
  DeltaSecrets: method(
    'envoy.service.secret.v3.SecretDiscoveryService',
    'DeltaSecrets',
    `${discovery}.DeltaDiscoveryRequest`,
    `${discovery}.DeltaDiscoveryResponse`,
    'bidi',
  ),
} as const;

export const istioCertificateService = {
  CreateCertificate: method(
    'istio.v1.auth.IstioCertificateService',
    'CreateCertificate',
    'istio.v1.auth.IstioCertificateRequest',
    'istio.v1.auth.IstioCertificateResponse',
    'unary',
  ),
} as const;

export const healthService = {
  Check: method(
    'grpc.health.v1.Health',
    'Check',
    'grpc.health.v1.HealthCheckRequest',
    'grpc.health.v1.HealthCheckResponse',
    'unary',
  ),
  Watch: method(
    'grpc.health.v1.Health',
    'Watch',
    'grpc.health.v1.HealthCheckRequest',
    'grpc.health.v1.HealthCheckResponse',
    'server',
  ),
} as const;
