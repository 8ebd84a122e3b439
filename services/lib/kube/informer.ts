// A local mirror of one resource type: list, then watch; resumes from the last version seen, relists on 410.
// Every handler sees each change exactly once, in the server's order, also over reconnects and relists.
import { Backoff, waitFor } from '../backoff/backoff.ts';
import type { KubeClient, ListOptions } from './client.ts';
import { isGone } from './errors.ts';
import { type KubeObject, keyOf, type ObjectKey, type ResourceRef } from './object.ts';

export interface InformerOptions {
  readonly client: KubeClient;
  readonly ref: ResourceRef;
  /** @default all namespaces */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Called on each failed list or watch; the informer goes on by itself. @default silent */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** [0,1). @default Math.random */
  readonly random?: (() => number) | undefined;
  /** Waits between tries. @default timers of lib/backoff */
  readonly wait?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** Milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

export interface InformerHandlers<T extends KubeObject> {
  add?(object: T): void;
  update?(object: T, old: T): void;
  delete?(last: T): void;
}

const BACKOFF = { baseMs: 200, maxMs: 10_000 };
/** A watch shorter than this that brought nothing counts as a failure: no hot loop against a broken server. */
const SHORT_WATCH_MS = 1_000;

export class Informer<T extends KubeObject = KubeObject> {
  readonly ref: ResourceRef;
  /** Resolves after the first complete list has been handed to the handlers. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions;
  readonly #store = new Map<string, T>();
  readonly #handlers = new Set<InformerHandlers<T>>();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  #resourceVersion = '';
  #started = false;

  constructor(options: InformerOptions) {
    this.#options = options;
    this.ref = options.ref;
    this.synced = this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** The version up to which the mirror is complete. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Objects are shared: do not write to them. */
  get(key: ObjectKey | string): T | undefined {
    return this.#store.get(typeof key === 'string' ? key : keyOf(key));
  }

  list(namespace?: string): T[] {
    const all = [...this.#store.values()];
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  get size(): number {
    return this.#store.size;
  }

  /** A late subscriber is first told of all that is there. Returns the way to unsubscribe. */
  subscribe(handlers: InformerHandlers<T>): () => void {
    this.#handlers.add(handlers);
    for (const object of this.#store.values()) handlers.add?.(object);
    return () => void this.#handlers.delete(handlers);
  }

  /** Runs until the signal aborts. */
  start(signal: AbortSignal): void {
    if (this.#started) throw new Error(`BUG: informer of ${this.ref.plural} started twice`);
    this.#started = true;
    void this.#run(signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { random, wait = waitFor, onError, now = Date.now } = this.#options;
    const backoff = new Backoff({ ...BACKOFF, ...(random ? { random } : {}) });
    let listed = false;
    while (!signal.aborted) {
      const began = now();
      const before = this.#resourceVersion;
      try {
        if (!listed) {
          await this.#relist(signal);
          listed = true;
          backoff.reset();
        }
        await this.#watch(signal, () => backoff.reset());
        if (now() - began >= SHORT_WATCH_MS || this.#resourceVersion !== before) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (isGone(error)) {
          listed = false;
          if (this.#resourceVersion !== before) continue;
        } else {
          onError?.(error);
        }
      }
      await wait(backoff.nextMs(), signal);
    }
  }

  #selection(): ListOptions {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return { namespace, labelSelector, fieldSelector };
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const list = await this.#options.client.listAll<T>(this.ref, { ...this.#selection(), signal });
    if (signal.aborted) return;
    const fresh = new Map(list.items.map((item) => [keyOf(item.metadata), item]));
    for (const [key, old] of this.#store) if (!fresh.has(key)) this.#remove(key, old);
    for (const [key, object] of fresh) this.#put(key, object);
    this.#resourceVersion = list.resourceVersion;
    if (!this.#hasSynced) {
      this.#hasSynced = true;
      this.#synced.resolve();
    }
  }

  async #watch(signal: AbortSignal, onEvent: () => void): Promise<void> {
    // Spread over five minutes so that the informers of one process do not all reconnect together.
    const timeoutSeconds = 300 + Math.floor((this.#options.random ?? Math.random)() * 300);
    const events = this.#options.client.watch<T>(this.ref, {
      ...this.#selection(),
      resourceVersion: this.#resourceVersion,
      timeoutSeconds,
      signal,
    });
    for await (const { type, object } of events) {
      if (signal.aborted) return;
      onEvent();
      const key = keyOf(object.metadata);
      if (type === 'DELETED') {
        if (this.#store.has(key)) this.#remove(key, object);
      } else if (type !== 'BOOKMARK') {
        this.#put(key, object);
      }
      this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
    }
  }

  #put(key: string, object: T): void {
    const old = this.#store.get(key);
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
      // Deleted and made anew while we looked away.
      this.#remove(key, old);
      this.#put(key, object);
      return;
    }
    if (old?.metadata.resourceVersion === object.metadata.resourceVersion && old !== undefined) return;
    this.#store.set(key, object);
    for (const handlers of this.#handlers) {
      if (old === undefined) handlers.add?.(object);
      else handlers.update?.(object, old);
    }
  }

  #remove(key: string, last: T): void {
    this.#store.delete(key);
    for (const handlers of this.#handlers) handlers.delete?.(last);
  }
}
