// Writes core/v1 Events; a repeated one raises the count of the first instead of making another.
import type { KubeClient } from '#lib/kube/client.ts';
import { isNotFound } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { events } from '#lib/kube/refs.ts';

interface Event extends KubeObject {
  involvedObject: object;
  reason: string;
  message: string;
  type: string;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  source: object;
  reportingComponent: string;
  reportingInstance: string;
}

/** Beyond this, events are dropped: they are hints, never state. */
const MAX_PENDING = 200;
const MAX_REMEMBERED = 1_000;

export class EventRecorder {
  readonly #client: KubeClient;
  readonly #signal: AbortSignal;
  readonly #now: () => number;
  readonly #remembered = new Map<string, { name: string; count: number }>();
  #pending = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(client: KubeClient, signal: AbortSignal, now: () => number) {
    this.#client = client;
    this.#signal = signal;
    this.#now = now;
  }

  normal(component: string, about: KubeObject, reason: string, message: string): void {
    this.#record(component, about, 'Normal', reason, message);
  }

  warning(component: string, about: KubeObject, reason: string, message: string): void {
    this.#record(component, about, 'Warning', reason, message);
  }

  #record(component: string, about: KubeObject, type: string, reason: string, message: string): void {
    if (this.#pending >= MAX_PENDING || this.#signal.aborted) return;
    this.#pending++;
    this.#tail = this.#tail
      .then(() => this.#write(component, about, type, reason, message.slice(0, 1024)))
      .catch(() => undefined)
      .finally(() => this.#pending--);
  }

  async #write(component: string, about: KubeObject, type: string, reason: string, message: string): Promise<void> {
    if (this.#signal.aborted) return;
    const { name, uid, resourceVersion } = about.metadata;
    const namespace = about.metadata.namespace ?? 'default';
    const time = `${new Date(this.#now()).toISOString().slice(0, 19)}Z`;
    const id = [component, about.kind, namespace, name, uid, type, reason, message].join('\0');
    const known = this.#remembered.get(id);
    if (known) {
      known.count++;
      const patch = { count: known.count, lastTimestamp: time };
      try {
        await this.#client.patch(events, { namespace, name: known.name }, patch, { signal: this.#signal });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const stamp = (BigInt(this.#now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)).toString(16);
    const event: Event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${stamp}`, namespace },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        namespace: about.metadata.namespace,
        name,
        uid,
        resourceVersion,
      },
      reason,
      message,
      type,
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
    };
    await this.#client.create(events, event, { signal: this.#signal });
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
    this.#remembered.set(id, { name: event.metadata.name, count: 1 });
  }
}
