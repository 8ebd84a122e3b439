// Events about pods and the node, as kubectl describe shows them: equal ones are counted, floods are cut.
import { type KubeClient, type KubeObject, type ObjectMeta, refs } from '#lib/kube/index.ts';

export interface EventSubject {
  readonly kind: 'Pod' | 'Node';
  readonly metadata: ObjectMeta;
  /** For example `spec.containers{app}`. */
  readonly fieldPath?: string | undefined;
}

interface Counted {
  readonly key: { readonly namespace: string; readonly name: string };
  count: number;
  lastWrite: number;
}

/** Equal events are written at most this often, in ms. */
const quietMs = 5_000;
/** Events remembered for counting. */
const maxRemembered = 4096;
const maxMessage = 1024;

export class EventRecorder {
  private readonly client: KubeClient;
  private readonly nodeName: string;
  private readonly known = new Map<string, Counted>();
  private serial = 0;

  constructor(client: KubeClient, nodeName: string) {
    this.client = client;
    this.nodeName = nodeName;
  }

  /** Records an event; failure to write it is no failure of the work it tells of. */
  record(subject: EventSubject, type: 'Normal' | 'Warning', reason: string, text: string): void {
    const message = text.slice(0, maxMessage);
    const namespace = subject.metadata.namespace ?? 'default';
    const identity = [subject.metadata.uid, subject.fieldPath, type, reason, message].join('\0');
    const now = Date.now();
    const before = this.known.get(identity);
    if (before !== undefined) {
      before.count += 1;
      if (now - before.lastWrite < quietMs) return;
      before.lastWrite = now;
      void this.client
        .patch(refs.events, before.key, {
          count: before.count,
          lastTimestamp: new Date(now).toISOString().replace(/\.\d+/, ''),
        })
        .catch(() => this.known.delete(identity));
      return;
    }
    this.serial += 1;
    const name = `${subject.metadata.name}.${now.toString(16)}${this.serial.toString(16).padStart(4, '0')}`;
    if (this.known.size >= maxRemembered) this.known.delete(this.known.keys().next().value ?? '');
    this.known.set(identity, { key: { namespace, name }, count: 1, lastWrite: now });
    const time = new Date(now).toISOString().replace(/\.\d+/, '');
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: 'v1',
        kind: subject.kind,
        name: subject.metadata.name,
        ...(subject.kind === 'Pod' ? { namespace } : {}),
        uid: subject.metadata.uid,
        resourceVersion: subject.metadata.resourceVersion,
        ...(subject.fieldPath === undefined ? {} : { fieldPath: subject.fieldPath }),
      },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component: 'kubelet', host: this.nodeName },
      reportingComponent: 'kubelet',
      reportingInstance: this.nodeName,
    };
    void this.client.create(refs.events, event as KubeObject).catch(() => undefined);
  }
}
