// What a controller is: caches it reads, events that enqueue keys, and a reconcile that may be called at any time.
import type { KubeClient } from '#lib/kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeError } from '#lib/kube/errors.ts';
import type { Informer } from '#lib/kube/informer.ts';
import { type KubeObject, keyOf, type ResourceRef } from '#lib/kube/object.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { SharedInformers } from './shared-informers.ts';
import { WorkQueue } from './work-queue.ts';

export interface ControllerContext {
  readonly client: KubeClient;
  readonly informers: SharedInformers;
  readonly events: EventRecorder;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
  /** Wall-clock milliseconds. */
  readonly now: () => number;
}

export type Enqueue = (key: string, afterMs?: number) => void;

export interface Controller {
  readonly name: string;
  /** Keys worked on at a time. @default 4 */
  readonly workers?: number | undefined;
  /** Caches that must be complete before the first reconcile. */
  readonly watches: readonly ResourceRef[];
  /** Subscribes to the caches. */
  wire(enqueue: Enqueue): void;
  /** Returns milliseconds after which to look again. Throwing retries with back-off. */
  reconcile(key: string): Promise<number | undefined>;
}

/** Starts working once the caches are complete; resolves then. */
export async function startController(controller: Controller, context: ControllerContext): Promise<void> {
  const queue = new WorkQueue({
    workers: controller.workers ?? 4,
    work: (key) => controller.reconcile(key),
    onError: (key, error) => {
      if (isLag(error)) return;
      context.log(`${controller.name} ${key}: ${(error as Error).message}`);
    },
    signal: context.signal,
  });
  controller.wire((key, afterMs) => queue.add(key, afterMs));
  await Promise.all(controller.watches.map((ref) => context.informers.of(ref).synced));
  queue.start();
}

/** Refusals that are the normal answer to acting on a cache that lags: retried without a word. */
function isLag(error: unknown): boolean {
  if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return true;
  const causes = error instanceof KubeError ? (error.status.details?.causes ?? []) : [];
  return causes.some(({ reason }) => reason === 'NamespaceTerminating');
}

/** Enqueues each object of the informer under its own key. */
export function enqueueSelf<T extends KubeObject>(informer: Informer<T>, enqueue: Enqueue): void {
  const add = (object: T): void => enqueue(keyOf(object.metadata));
  informer.subscribe({ add, update: add, delete: add });
}

/** Enqueues the controlling owner (of `kind`) of each object that changes. */
export function enqueueOwner<T extends KubeObject>(informer: Informer<T>, kind: string, enqueue: Enqueue): void {
  const add = (object: T): void => {
    const owner = object.metadata.ownerReferences?.find((each) => each.controller && each.kind === kind);
    if (owner) enqueue(keyOf({ namespace: object.metadata.namespace, name: owner.name }));
  };
  informer.subscribe({
    add,
    update: (object, old) => {
      add(old);
      add(object);
    },
    delete: add,
  });
}

/** RFC 3339 in whole seconds, as the API writes times. */
export function toTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
