// One proxy's stream: requests in, responses out, in the order of types. Knows nothing of gRPC but write and end.
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
  Node,
} from '#wire/xds.ts';
import { type EncodedResource, pushOrder, type ResourceSet, typeRank, versionOf, wildcardTypes } from './resources.ts';
import { type Step, Subscription } from './subscription.ts';
import { WarmUp } from './warm-up.ts';

const clusterType = pushOrder[0]!;
const endpointType = pushOrder[1]!;
const listenerType = pushOrder[2]!;
const routeType = pushOrder[3]!;
const empty: ReadonlyMap<string, EncodedResource> = new Map();
/** A proxy names at most this many resources of one type; more is refused as hostile. */
const maxNames = 50_000;
/** A proxy that does not say in this time that new clusters are warm is sent the rest anyway. */
const warmUpLimitMs = 3_000;

export interface ConnectionOptions {
  readonly id: string;
  readonly protocol: 'sotw' | 'delta';
  /** SPIFFE ids that the proxy has proved; none on the plaintext port. @default [] */
  readonly identities?: readonly string[] | undefined;
  readonly send: (response: DiscoveryResponse & DeltaDiscoveryResponse) => void;
  /** The resources of a proxy; undefined until the control plane has read everything once. */
  readonly resourcesFor: (node: Node, connection: Connection) => ResourceSet | undefined;
  readonly now: () => number;
  /** Runs work later; returns the way to call it off. Without it, waiting has no limit. */
  readonly defer?: ((delayMs: number, work: () => void) => () => void) | undefined;
  readonly onNack?: ((connection: Connection, typeUrl: string, detail: string) => void) | undefined;
}

export class Connection {
  readonly id: string;
  readonly protocol: 'sotw' | 'delta';
  readonly identities: readonly string[];
  readonly connectedAtMs: number;
  readonly subscriptions = new Map<string, Subscription>();
  node: Node | undefined;
  resources: ResourceSet = new Map();
  readonly #options: ConnectionOptions;
  readonly #warmUp = new WarmUp(clusterType, endpointType);
  /** What the proxy is to have in the end; `resources` may still hold clusters that go. */
  #target: ResourceSet = this.resources;
  #resent = new Set<string>();
  #isHolding = false;
  #cancelLimit: (() => void) | undefined;
  #nonce = 0;
  #ready = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.id = options.id;
    this.protocol = options.protocol;
    this.identities = options.identities ?? [];
    this.connectedAtMs = options.now();
  }

  /** Makes the resources anew and sends what changed: what is named before what names it, what goes last of all. */
  push(): void {
    if (!this.node) return;
    const target = this.#options.resourcesFor(this.node, this);
    if (!target) return;
    const isFirst = !this.#ready;
    this.#target = target;
    this.#ready = true;
    this.#resent = new Set();
    if (!isFirst) this.#warmUp.expect(this.resources, target);
    this.resources = isFirst ? target : this.#warmUp.keepLeaving(this.resources, target);
    this.#advance();
  }

  /** The stream has ended. */
  close(): void {
    this.#cancelLimit?.();
  }

  #advance(): void {
    const types = [...this.subscriptions.keys()].sort((a, b) => typeRank(a) - typeRank(b));
    for (const type of types) {
      if (typeRank(type) >= typeRank(listenerType) && this.#mustHold()) return;
      this.#send(this.subscriptions.get(type)!, this.#resent);
    }
    if (this.resources === this.#target || this.#hasPendingUsers()) return;
    // Nothing names the clusters that go any more.
    this.resources = this.#target;
    for (const type of [clusterType, endpointType]) {
      const subscription = this.subscriptions.get(type);
      if (subscription) this.#send(subscription, this.#resent);
    }
  }

  #mustHold(): boolean {
    this.#isHolding = this.#warmUp.isWarming(this.subscriptions.get(clusterType), this.subscriptions.get(endpointType));
    if (!this.#isHolding) this.#cancelLimit?.();
    else
      this.#cancelLimit ??= this.#options.defer?.(warmUpLimitMs, () => {
        this.#cancelLimit = undefined;
        this.#warmUp.giveUp();
        this.#advance();
      });
    if (!this.#isHolding) this.#cancelLimit = undefined;
    return this.#isHolding;
  }

  /** Whether the proxy may still route by what named the clusters that go: not answered yet, or refused. */
  #hasPendingUsers(): boolean {
    return [listenerType, routeType].some((type) => {
      const kind = this.subscriptions.get(type)?.answer.kind;
      return kind === 'pending' || kind === 'nack';
    });
  }

  /** Goes on with a push that waited for this answer or request. */
  #resume(): void {
    if (this.#isHolding || this.resources !== this.#target) this.#advance();
  }

  /** Takes a request; throws an Error with a sentence where the proxy breaks the protocol. */
  receive(request: DiscoveryRequest & DeltaDiscoveryRequest): void {
    if (request.node && !this.node) this.node = request.node;
    if (!this.node) throw new Error('the first request of a stream names its node');
    const typeUrl = request.typeUrl ?? '';
    if (typeUrl === '') throw new Error('a request names a type URL');
    const first = !this.subscriptions.has(typeUrl);
    const subscription = this.subscriptions.get(typeUrl) ?? new Subscription(typeUrl);
    this.subscriptions.set(typeUrl, subscription);
    if (request.errorDetail) {
      const detail = request.errorDetail.message ?? 'no detail';
      // What it refused is not sent again until it differs; the last good configuration stays in force there.
      if (subscription.recordAnswer(request.responseNonce ?? '', detail)) this.#options.onNack?.(this, typeUrl, detail);
      this.#resume();
      return;
    }
    if (this.protocol === 'sotw') this.#receiveState(subscription, request, first);
    else this.#receiveDelta(subscription, request, first);
    this.#resume();
    if (subscription.names.size > maxNames)
      throw new Error(`more than ${maxNames} resources of ${typeUrl} are asked for`);
  }

  #receiveState(subscription: Subscription, request: DiscoveryRequest, first: boolean): void {
    const nonce = request.responseNonce ?? '';
    if (!first && nonce !== '' && !subscription.recordAnswer(nonce, undefined)) return;
    const names = request.resourceNames ?? [];
    const before = new Set(subscription.names);
    subscription.names.clear();
    for (const name of names) subscription.names.add(name);
    if (wildcardTypes.has(subscription.typeUrl)) subscription.wildcard = names.length === 0 || names.includes('*');
    const added = names.filter((name) => !before.has(name));
    if (!first && nonce !== '' && added.length === 0) return;
    for (const name of added) subscription.forget(name);
    this.#sendNow(subscription, first || nonce === '');
  }

  #receiveDelta(subscription: Subscription, request: DeltaDiscoveryRequest, first: boolean): void {
    const nonce = request.responseNonce ?? '';
    if (nonce !== '') subscription.recordAnswer(nonce, undefined);
    const subscribe = request.resourceNamesSubscribe ?? [];
    if (first) {
      for (const [name, version] of Object.entries(request.initialResourceVersions ?? {}))
        subscription.has(name, version);
      if (wildcardTypes.has(subscription.typeUrl) && subscribe.length === 0) subscription.wildcard = true;
    }
    for (const name of subscribe) {
      if (name === '*') subscription.wildcard = true;
      else {
        subscription.names.add(name);
        if (!first) subscription.forget(name);
      }
    }
    for (const name of request.resourceNamesUnsubscribe ?? []) {
      if (name === '*') subscription.wildcard = false;
      subscription.names.delete(name);
      subscription.forget(name);
    }
    if (first || subscribe.length > 0) this.#sendNow(subscription, first);
  }

  #sendNow(subscription: Subscription, evenEmpty: boolean): void {
    if (!this.#ready) {
      this.push();
      return;
    }
    this.#send(subscription, new Set(), evenEmpty);
  }

  #send(subscription: Subscription, resent: Set<string>, evenEmpty = subscription.answer.kind === 'none'): void {
    const all = this.resources.get(subscription.typeUrl) ?? empty;
    // A cluster or listener that is sent warms anew and waits for the endpoints or routes it names.
    const force =
      !resent.has(subscription.typeUrl) &&
      ((subscription.typeUrl === endpointType && resent.has(clusterType)) ||
        (subscription.typeUrl === routeType && resent.has(listenerType)));
    const step = subscription.step(all, force);
    if (step.send.length === 0 && step.removed.length === 0 && !evenEmpty) return;
    resent.add(subscription.typeUrl);
    if (this.protocol === 'sotw') this.#sendState(subscription, step, all, evenEmpty);
    else this.#sendDelta(subscription, step, all);
  }

  #sendState(
    subscription: Subscription,
    step: Step,
    all: ReadonlyMap<string, EncodedResource>,
    evenEmpty: boolean,
  ): void {
    const whole = wildcardTypes.has(subscription.typeUrl);
    // Only clusters and listeners are whole: of the others what is not named stays as it is, so a removal alone says nothing.
    if (!whole && step.send.length === 0 && !evenEmpty) {
      for (const name of step.removed) subscription.forget(name);
      return;
    }
    const resources = whole ? subscription.wanted(all) : step.send;
    const version = versionOf(subscription.wanted(all));
    const nonce = this.#nextNonce();
    subscription.recordSent({ send: resources, removed: step.removed }, nonce, version, this.#options.now());
    this.#options.send({
      typeUrl: subscription.typeUrl,
      versionInfo: version,
      nonce,
      resources: resources.map((it) => it.resource) as never,
      controlPlane: { identifier: 'istiod' },
    });
  }

  #sendDelta(subscription: Subscription, step: Step, all: ReadonlyMap<string, EncodedResource>): void {
    const nonce = this.#nextNonce();
    const version = versionOf(subscription.wanted(all));
    subscription.recordSent(step, nonce, version, this.#options.now());
    this.#options.send({
      typeUrl: subscription.typeUrl,
      systemVersionInfo: version,
      nonce,
      resources: step.send.map((it) => ({ name: it.name, version: it.version, resource: it.resource })) as never,
      removedResources: step.removed,
      controlPlane: { identifier: 'istiod' },
    });
  }

  #nextNonce(): string {
    this.#nonce++;
    return `${this.connectedAtMs.toString(36)}-${this.#nonce}`;
  }
}
