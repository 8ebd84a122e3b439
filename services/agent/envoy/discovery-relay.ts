// ADS for a stock Envoy: what comes over the Unix socket goes to istiod over TLS with the pod's token, byte for byte.
// One stream up for each stream down; when one ends the other does, and Envoy comes back by its own back-off.
import type { Writable } from 'node:stream';
import { Client, Server, type ServerDuplexStream, type StatusObject, status } from '@grpc/grpc-js';
import { aggregatedDiscoveryService } from '#wire/grpc.ts';
import type { DiscoveryTarget } from '../agent.ts';

type RawStream = ServerDuplexStream<Buffer, Buffer>;

const asIs = (bytes: Buffer): Buffer => bytes;

/** Counts for the agent's metrics. */
export interface RelayEvents {
  readonly onConnectionFailure?: (details: string) => void;
}

/** A server with both variants of the service. */
export function createDiscoveryRelay(open: () => DiscoveryTarget, events: RelayEvents = {}): Server {
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  const raw = (method: { path: string }) => ({
    path: method.path,
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  });
  const { DeltaAggregatedResources, StreamAggregatedResources } = aggregatedDiscoveryService;
  server.addService(
    {
      StreamAggregatedResources: raw(StreamAggregatedResources),
      DeltaAggregatedResources: raw(DeltaAggregatedResources),
    },
    {
      StreamAggregatedResources: (down: RawStream) => relay(down, StreamAggregatedResources.path, open, events),
      DeltaAggregatedResources: (down: RawStream) => relay(down, DeltaAggregatedResources.path, open, events),
    },
  );
  return server;
}

function relay(
  down: RawStream,
  path: string,
  open: () => DiscoveryTarget,
  { onConnectionFailure = () => {} }: RelayEvents,
): void {
  const { target, credentials, options } = open();
  const client = new Client(target, credentials, { ...options, 'grpc.max_receive_message_length': -1 });
  const up = client.makeBidiStreamRequest<Buffer, Buffer>(path, asIs, asIs);
  let ended = false;
  const end = (result: Pick<StatusObject, 'code' | 'details'>): void => {
    if (ended) return;
    ended = true;
    client.close();
    if (result.code === status.OK) down.end();
    else down.emit('error', result);
  };
  down.pipe(up as unknown as Writable, { end: false });
  up.pipe(down as unknown as Writable, { end: false });
  down.on('end', () => up.end());
  down.on('cancelled', () => {
    ended = true;
    up.cancel();
    client.close();
  });
  up.on('error', () => {});
  up.on('status', (result: StatusObject) => {
    if (result.code === status.UNAVAILABLE) onConnectionFailure(result.details);
    end(result);
  });
}
