// Waits until applied objects are ready, by watching them: each change is reported as it comes.
import type { KubeClient } from '#lib/kube/client.ts';
import { Informer } from '#lib/kube/informer.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { idOf } from './ownership.ts';
import { isReady, needsWaiting, type Readiness } from './readiness.ts';
import { nameOf, type ResourceMap } from './resource-map.ts';

export interface WaitOptions {
  readonly client: KubeClient;
  readonly resources: ResourceMap;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when an object's readiness or its reason changes. */
  readonly onProgress?: ((object: KubeObject, state: Readiness, left: number) => void) | undefined;
}

export interface WaitResult {
  readonly ready: boolean;
  readonly pending: readonly { readonly object: KubeObject; readonly reason: string }[];
}

/** Resolves when all are ready, one has failed for good, or the time is over; rejects only when the signal aborts. */
export async function waitReady(objects: readonly KubeObject[], options: WaitOptions): Promise<WaitResult> {
  const { client, resources, timeoutMs, onProgress, signal } = options;
  const pending = new Map<string, { object: KubeObject; state: Readiness }>();
  for (const object of objects.filter(needsWaiting)) {
    pending.set(idOf(object), { object, state: { ready: false, reason: 'not there yet' } });
  }
  if (pending.size === 0) return { ready: true, pending: [] };
  const stop = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const onAbort = (): void => reject(signal!.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    const look = (object: KubeObject): void => {
      const entry = pending.get(idOf(object));
      if (entry === undefined) return;
      const state = isReady(object);
      const changed = state.ready || state.reason !== entry.state.reason;
      if (state.ready) pending.delete(idOf(object));
      else pending.set(idOf(object), { object, state });
      if (changed) onProgress?.(object, state, pending.size);
      if (pending.size === 0) resolve(true);
      else if (state.failed) resolve(false);
    };
    const watched = new Map<string, KubeObject[]>();
    for (const { object } of pending.values()) {
      const id = `${object.apiVersion}|${object.kind}|${object.metadata.namespace ?? ''}`;
      watched.set(id, [...(watched.get(id) ?? []), object]);
    }
    for (const [first] of watched.values()) {
      const ref = await resources.find(first!);
      const informer = new Informer({ client, ref, namespace: first!.metadata.namespace });
      informer.subscribe({ add: look, update: look });
      informer.start(stop.signal);
    }
    const ready = await promise;
    return { ready, pending: [...pending.values()].map(({ object, state }) => ({ object, reason: state.reason })) };
  } finally {
    clearTimeout(timer);
    stop.abort();
    signal?.removeEventListener('abort', onAbort);
  }
}

/** One line per object that is not ready. */
export function describePending({ pending }: WaitResult): string[] {
  return pending.map(({ object, reason }) => `${nameOf(object)}: ${reason}`).sort();
}
