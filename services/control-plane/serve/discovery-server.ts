// The aggregated discovery service over gRPC: authenticates a stream, gives it a Connection, pushes to all of them.
import {
  type handleBidiStreamingCall,
  Metadata,
  type Server,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import type { Authenticate, Caller } from '#lib/identity/caller.ts';
import { callEvidence } from '#lib/rpc/call-evidence.ts';
import { aggregatedDiscoveryService } from '#wire/grpc.ts';
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
  fromStruct,
  type Node,
} from '#wire/xds.ts';
import { Connection } from './connection.ts';
import type { ResourceSet } from './resources.ts';

export interface DiscoveryOptions {
  /** The resources of a proxy; undefined until everything has been read once. Called on every push: it caches. */
  readonly resourcesFor: (node: Node, connection: Connection) => ResourceSet | undefined;
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Called for each response and each refusal, for metrics. */
  readonly onSent?: ((typeUrl: string) => void) | undefined;
  readonly onRejected?: ((typeUrl: string) => void) | undefined;
}

type Request = DiscoveryRequest & DeltaDiscoveryRequest;
type Response = DiscoveryResponse & DeltaDiscoveryResponse;
type Stream = ServerDuplexStream<Request, Response>;

/** Proxies that one control plane serves at most. */
const maxConnections = 20_000;

export class DiscoveryServer {
  readonly connections = new Map<string, Connection>();
  readonly #options: DiscoveryOptions;
  readonly #streams = new Set<Stream>();
  #counter = 0;
  #scheduled = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** Adds the service to a server. Without `authenticate` the port is plaintext and trusts its callers (15010). */
  register(server: Server, authenticate?: Authenticate): void {
    const handle =
      (protocol: 'sotw' | 'delta'): handleBidiStreamingCall<Request, Response> =>
      (stream) =>
        void this.#serve(stream, protocol, authenticate);
    server.addService(aggregatedDiscoveryService as unknown as ServiceDefinition, {
      StreamAggregatedResources: handle('sotw'),
      DeltaAggregatedResources: handle('delta'),
    });
  }

  /** Sends every proxy what has changed for it; calls in one turn of the event loop make one push. */
  push(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const connection of this.connections.values()) this.#guard(connection, () => connection.push());
    });
  }

  /** Ends every stream: the proxies reconnect to another replica or to the next process. */
  drain(): void {
    for (const stream of this.#streams) stream.end();
  }

  async #serve(stream: Stream, protocol: 'sotw' | 'delta', authenticate: Authenticate | undefined): Promise<void> {
    const waiting: Request[] = [];
    let receive = (request: Request): void => void waiting.push(request);
    let connection: Connection | undefined;
    const end = () => {
      this.#streams.delete(stream);
      connection?.close();
      if (connection) this.connections.delete(connection.id);
    };
    stream.on('data', (request: Request) => receive(request));
    stream.on('error', end);
    stream.on('close', end);
    stream.on('cancelled', end);
    stream.on('end', () => {
      end();
      stream.end();
    });
    const fail = (code: status, details: string) => {
      end();
      stream.emit('error', { code, details, metadata: new Metadata() });
    };
    let caller: Caller | undefined;
    if (authenticate) {
      caller = await authenticate(callEvidence(stream)).catch(() => undefined);
      if (!caller)
        return fail(
          status.UNAUTHENTICATED,
          'authentication failure: show a workload certificate of this mesh or a service account token',
        );
    }
    if (this.connections.size >= maxConnections)
      return fail(status.RESOURCE_EXHAUSTED, `this control plane serves ${maxConnections} proxies already`);
    this.#streams.add(stream);
    receive = (request) => {
      try {
        if (!connection) {
          const id = request.node?.id ?? '';
          const problem = nodeProblem(request.node ?? {}, caller);
          if (problem !== undefined) return fail(status.PERMISSION_DENIED, problem);
          connection = new Connection({
            id: `${id}-${++this.#counter}`,
            protocol,
            identities: caller?.identities ?? [],
            now: this.#options.now,
            defer: (delayMs, work) => {
              const timer = setTimeout(() => connection && this.#guard(connection, work), delayMs);
              return () => clearTimeout(timer);
            },
            resourcesFor: this.#options.resourcesFor,
            send: (response) => {
              this.#options.onSent?.(response.typeUrl ?? '');
              stream.write(response);
            },
            onNack: (it, typeUrl, detail) => {
              this.#options.onRejected?.(typeUrl);
              this.#options.log(`${it.node?.id}: rejected ${typeUrl}: ${detail}`);
            },
          });
          this.connections.set(connection.id, connection);
        }
        connection.receive(request);
      } catch (error) {
        this.#options.log(`${connection?.node?.id ?? 'a proxy'}: ${(error as Error).stack ?? error}`);
        fail(status.INVALID_ARGUMENT, (error as Error).message);
      }
    };
    for (const request of waiting) receive(request);
  }

  #guard(connection: Connection, work: () => void): void {
    try {
      work();
    } catch (error) {
      // One proxy's trouble is not the others': it keeps its last good configuration.
      this.#options.log(`BUG: push to ${connection.node?.id}: ${(error as Error).stack ?? error}`);
    }
  }
}

/** Why a caller may not be that node: what the node says of its namespace and account must be what the caller proved. */
function nodeProblem(node: Node, caller: Caller | undefined): string | undefined {
  const { id = '' } = node;
  const parts = id.split('~');
  if (parts.length !== 4)
    return `node id ${JSON.stringify(id.slice(0, 200))} is not <type>~<ip>~<pod>.<namespace>~<domain>`;
  if (!caller) return undefined;
  const pod = parts[2]!;
  const { NAMESPACE, SERVICE_ACCOUNT } = fromStruct(node.metadata);
  const namespace = typeof NAMESPACE === 'string' ? NAMESPACE : pod.slice(pod.lastIndexOf('.') + 1);
  const account = typeof SERVICE_ACCOUNT === 'string' ? SERVICE_ACCOUNT : undefined;
  const isProved = caller.identities.some((identity) => {
    const [, inNamespace, withAccount] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(identity) ?? [];
    return inNamespace === namespace && (account === undefined || withAccount === account);
  });
  if (isProved) return undefined;
  const claim = account === undefined ? `namespace ${namespace}` : `namespace ${namespace} and account ${account}`;
  return `node ${pod.slice(0, 200)} is of ${claim}, but the caller is ${caller.identities.join(', ')}`;
}
