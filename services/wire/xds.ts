// xDS v3: the messages, their type URLs, and the aggregated discovery service for gRPC.
export type * from './generated/types.ts';
export { fromDuration, fromStruct, type Json, toDuration, toStruct } from './struct.ts';
export {
  decodeMessage,
  encodeMessage,
  isMessageName,
  nameInTypeUrl,
  packAny,
  tryUnpack,
  typeUrlOf,
  unpackAny,
  WireError,
  type MessageName,
} from './messages.ts';

/** Type URLs of the resources that a proxy subscribes to. */
export const TYPE_URL = {
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;
