// The discovery stream (ADS, delta): subscribes to what the proxy needs, applies what comes, says what was wrong with it.
// A stream that ends is opened again after a back-off; the proxy keeps its last good configuration meanwhile.
import {
  Client,
  type ClientDuplexStream,
  type ChannelCredentials,
  type CallCredentials,
  type ChannelOptions,
  Metadata,
} from '@grpc/grpc-js';
import { Backoff } from '#lib/backoff/backoff.ts';
import { aggregatedDiscoveryService } from '#wire/grpc.ts';
import { type DeltaDiscoveryRequest, type DeltaDiscoveryResponse, type Node, TYPE_URL, unpackAny } from '#wire/xds.ts';

export interface DiscoveryTarget {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly callCredentials?: CallCredentials;
  readonly options: ChannelOptions;
}

export type ResourceKind = keyof typeof TYPE_URL;

/** What arrives goes here. Every method may throw: the resource is then refused with the error's message. */
export interface ResourceSink {
  set(kind: ResourceKind, name: string, resource: object): void | Promise<void>;
  remove(kind: ResourceKind, name: string): void;
  /** A response was taken in: what is wanted may have changed. */
  settled(kind: ResourceKind): void;
  /** Names wanted of a kind; undefined: all there are. */
  wanted(kind: ResourceKind): ReadonlySet<string> | undefined;
}

export interface AdsOptions {
  readonly open: () => DiscoveryTarget;
  readonly node: Node;
  readonly sink: ResourceSink;
  readonly log: (line: string) => void;
}

/** First requests in the order in which a control plane answers them best. */
const KINDS: readonly ResourceKind[] = ['cluster', 'endpoint', 'listener', 'route', 'secret'];
const KIND_OF = new Map<string, ResourceKind>(KINDS.map((kind) => [TYPE_URL[kind], kind]));

interface Subscription {
  readonly versions: Map<string, string>;
  subscribed: Set<string>;
  started: boolean;
  lastNonce: string;
  lastError: string | undefined;
  updates: number;
  rejects: number;
}

const method = aggregatedDiscoveryService.DeltaAggregatedResources;

export class AdsClient {
  readonly #options: AdsOptions;
  readonly #backoff = new Backoff({ baseMs: 200, maxMs: 10_000 });
  readonly #subscriptions = new Map<ResourceKind, Subscription>();
  #client: Client | undefined;
  #stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> | undefined;
  #queue: Promise<void> = Promise.resolve();
  #signal: AbortSignal | undefined;
  #nodeSent = false;
  connected = false;
  connectFailures = 0;

  constructor(options: AdsOptions) {
    this.#options = options;
    for (const kind of KINDS) {
      this.#subscriptions.set(kind, {
        versions: new Map(),
        subscribed: new Set(),
        started: false,
        lastNonce: '',
        lastError: undefined,
        updates: 0,
        rejects: 0,
      });
    }
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#close(), { once: true });
    this.#connect();
  }

  /** Was a response of this kind taken in at least once? */
  hasReceived(kind: ResourceKind): boolean {
    return (this.#subscriptions.get(kind)?.updates ?? 0) > 0;
  }

  /** Versions by name, for the config dump. */
  versions(kind: ResourceKind): ReadonlyMap<string, string> {
    return this.#subscriptions.get(kind)?.versions ?? new Map();
  }

  counters(): { kind: ResourceKind; updates: number; rejects: number }[] {
    return [...this.#subscriptions].map(([kind, { updates, rejects }]) => ({ kind, updates, rejects }));
  }

  #connect(): void {
    if (this.#signal?.aborted !== false) return;
    let target: DiscoveryTarget;
    try {
      target = this.#options.open();
    } catch (error) {
      this.#retry((error as Error).message);
      return;
    }
    const client = new Client(target.target, target.credentials, {
      'grpc.max_receive_message_length': -1,
      ...target.options,
    });
    this.#client = client;
    const callOptions = target.callCredentials === undefined ? {} : { credentials: target.callCredentials };
    const stream = client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      new Metadata({ waitForReady: false }),
      callOptions,
    );
    this.#stream = stream;
    this.#nodeSent = false;
    stream.on('data', (response: DeltaDiscoveryResponse) => {
      this.connected = true;
      this.#queue = this.#queue.then(() => this.#take(stream, response));
    });
    stream.on('error', (error: Error) => this.#ended(stream, error.message));
    stream.on('end', () => this.#ended(stream, 'the control plane closed the stream'));
    for (const [kind, subscription] of this.#subscriptions) {
      subscription.started = false;
      subscription.lastNonce = '';
      this.#begin(kind);
    }
  }

  /** First request of a kind on this stream; kinds of which nothing is wanted wait. */
  #begin(kind: ResourceKind): void {
    const subscription = this.#subscription(kind);
    const wanted = this.#options.sink.wanted(kind);
    if (subscription.started || (wanted !== undefined && wanted.size === 0)) return;
    subscription.started = true;
    subscription.subscribed = new Set(wanted ?? []);
    for (const name of subscription.versions.keys()) {
      if (wanted !== undefined && !wanted.has(name)) subscription.versions.delete(name);
    }
    this.#send({
      typeUrl: TYPE_URL[kind],
      resourceNamesSubscribe: wanted === undefined ? ['*'] : [...wanted],
      initialResourceVersions: Object.fromEntries(subscription.versions),
    });
  }

  #send(request: DeltaDiscoveryRequest): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    stream.write(this.#nodeSent ? request : { ...request, node: this.#options.node });
    this.#nodeSent = true;
  }

  async #take(stream: unknown, response: DeltaDiscoveryResponse): Promise<void> {
    const kind = KIND_OF.get(response.typeUrl ?? '');
    if (kind === undefined || stream !== this.#stream) return;
    const { sink } = this.#options;
    const subscription = this.#subscription(kind);
    const problems: string[] = [];
    for (const { name = '', version = '', resource } of response.resources ?? []) {
      try {
        if (resource === undefined) continue;
        await sink.set(kind, name, unpackAny(resource).message);
        subscription.versions.set(name, version);
      } catch (error) {
        problems.push(`${name}: ${(error as Error).message}`);
      }
    }
    for (const name of response.removedResources ?? []) {
      subscription.versions.delete(name);
      sink.remove(kind, name);
    }
    subscription.updates++;
    this.#backoff.reset();
    subscription.lastNonce = response.nonce ?? '';
    const acknowledgement: DeltaDiscoveryRequest = { typeUrl: TYPE_URL[kind], responseNonce: response.nonce ?? '' };
    if (problems.length === 0) {
      subscription.lastError = undefined;
      this.#send(acknowledgement);
    } else {
      subscription.rejects++;
      subscription.lastError = problems.join('; ').slice(0, 4096);
      this.#options.log(`refused ${kind} resources: ${subscription.lastError}`);
      this.#send({ ...acknowledgement, errorDetail: { code: 13, message: subscription.lastError } });
    }
    sink.settled(kind);
    this.refresh();
  }

  /** Compares what is wanted with what is subscribed, and asks for the difference. */
  refresh(): void {
    for (const kind of KINDS) {
      const wanted = this.#options.sink.wanted(kind);
      if (wanted === undefined) continue;
      const subscription = this.#subscription(kind);
      if (!subscription.started) {
        if (this.#stream !== undefined) this.#begin(kind);
        continue;
      }
      const more = [...wanted].filter((name) => !subscription.subscribed.has(name));
      const less = [...subscription.subscribed].filter((name) => !wanted.has(name));
      if (more.length === 0 && less.length === 0) continue;
      subscription.subscribed = new Set(wanted);
      for (const name of less) {
        subscription.versions.delete(name);
        this.#options.sink.remove(kind, name);
      }
      this.#send({ typeUrl: TYPE_URL[kind], resourceNamesSubscribe: more, resourceNamesUnsubscribe: less });
    }
  }

  #subscription(kind: ResourceKind): Subscription {
    const subscription = this.#subscriptions.get(kind);
    if (subscription === undefined) throw new Error(`BUG: no subscription for ${kind}`);
    return subscription;
  }

  #ended(stream: unknown, reason: string): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    this.connected = false;
    this.connectFailures++;
    this.#client?.close();
    this.#client = undefined;
    this.#retry(reason);
  }

  #retry(reason: string): void {
    if (this.#signal?.aborted !== false) return;
    const waitMs = this.#backoff.nextMs();
    this.#options.log(`discovery stream: ${reason}; next try in ${waitMs} ms`);
    const timer = setTimeout(() => this.#connect(), waitMs);
    this.#signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  #close(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.on('error', () => {});
    stream?.cancel();
    this.#client?.close();
  }
}
