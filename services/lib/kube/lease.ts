// Leader election on a Lease, as client-go does it: renew while leading, take over when the record stands still.
import { waitFor } from '../backoff/backoff.ts';
import type { KubeClient } from './client.ts';
import { isAlreadyExists, isConflict } from './errors.ts';
import type { KubeObject, ObjectKey } from './object.ts';
import { leases } from './refs.ts';

/** @see https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string | undefined;
    leaseDurationSeconds?: number | undefined;
    acquireTime?: string | undefined;
    renewTime?: string | undefined;
    leaseTransitions?: number | undefined;
  };
}

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly lease: ObjectKey;
  /** Unique among the candidates. */
  readonly identity: string;
  /** How long others wait for a silent leader. @default 15,000 */
  readonly leaseDurationMs?: number | undefined;
  /** A leader that could not renew for this long steps down. @default 10,000 */
  readonly renewDeadlineMs?: number | undefined;
  /** @default 2,000 */
  readonly retryPeriodMs?: number | undefined;
  /** Gives the lease back on the way out, so that the next leader need not wait. @default true */
  readonly releaseOnCancel?: boolean | undefined;
  /** Work of the leader; its signal aborts when leadership is lost or the election ends. */
  readonly onStartedLeading: (signal: AbortSignal) => void | Promise<void>;
  readonly onStoppedLeading?: (() => void) | undefined;
  readonly onNewLeader?: ((identity: string) => void) | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Monotonic milliseconds. @default performance.now */
  readonly now?: (() => number) | undefined;
  /** [0,1). @default Math.random */
  readonly random?: (() => number) | undefined;
  readonly wait?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

const JITTER = 0.2;

export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #now: () => number;
  #observed: Lease | undefined;
  #observedAt = 0;
  #leader = '';

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get isLeader(): boolean {
    return this.#observed?.spec?.holderIdentity === this.#options.identity && this.#fresh();
  }

  /** The identity last seen in the lease, or ''. */
  get leader(): string {
    return this.#leader;
  }

  /** Competes, leads, and competes again after a loss, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#acquire(signal);
      if (signal.aborted) return;
      const leading = new AbortController();
      const work = Promise.resolve(this.#options.onStartedLeading(leading.signal)).catch((error: unknown) =>
        this.#options.onError?.(error),
      );
      await this.#renew(signal);
      leading.abort(new Error('leadership lost'));
      await work;
      this.#options.onStoppedLeading?.();
      if (signal.aborted && (this.#options.releaseOnCancel ?? true)) await this.#release();
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(await this.#try(signal))) await this.#pause(signal);
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const deadlineMs = this.#options.renewDeadlineMs ?? 10_000;
    let renewedAt = this.#now();
    while (!signal.aborted) {
      await this.#pause(signal);
      if (signal.aborted) return;
      if (await this.#try(signal, Math.max(1, renewedAt + deadlineMs - this.#now()))) renewedAt = this.#now();
      else if (this.#leader !== this.#options.identity || this.#now() - renewedAt >= deadlineMs) return;
    }
  }

  #pause(signal: AbortSignal): Promise<void> {
    const { retryPeriodMs = 2_000, random = Math.random, wait = waitFor } = this.#options;
    return wait(retryPeriodMs * (1 + JITTER * random()), signal);
  }

  /** One attempt to become or stay leader. */
  async #try(signal: AbortSignal, timeoutMs?: number): Promise<boolean> {
    const { client, lease, identity, onError } = this.#options;
    const limit =
      timeoutMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(timeoutMs))]);
    try {
      const current = await client.tryGet<Lease>(leases, lease, { signal: limit });
      if (current === undefined) {
        this.#observe(await client.create<Lease>(leases, this.#firstLease(), { signal: limit }));
        return true;
      }
      this.#observe(current);
      const holder = current.spec?.holderIdentity ?? '';
      if (holder !== '' && holder !== identity && this.#fresh()) return false;
      const next: Lease = { ...current, spec: this.#record(holder, current) };
      this.#observe(await client.replace<Lease>(leases, next, { signal: limit }));
      return true;
    } catch (error) {
      if (!signal.aborted && !isConflict(error) && !isAlreadyExists(error)) onError?.(error);
      return false;
    }
  }

  #firstLease(): Lease {
    const { name, namespace } = this.#options.lease;
    const kind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
    return { ...kind, metadata: { name, namespace }, spec: this.#record('', undefined) };
  }

  #record(holder: string, current: Lease | undefined): NonNullable<Lease['spec']> {
    const { identity } = this.#options;
    const time = microTime();
    const transitions = current?.spec?.leaseTransitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil((this.#options.leaseDurationMs ?? 15_000) / 1000),
      acquireTime: holder === identity ? (current?.spec?.acquireTime ?? time) : time,
      renewTime: time,
      leaseTransitions: holder === identity || current === undefined ? transitions : transitions + 1,
    };
  }

  /** Other clocks are not trusted: freshness counts from when we saw the record change. */
  #fresh(): boolean {
    const theirs = this.#observed?.spec?.leaseDurationSeconds;
    const durationMs = theirs !== undefined ? theirs * 1000 : (this.#options.leaseDurationMs ?? 15_000);
    return this.#now() < this.#observedAt + durationMs;
  }

  #observe(lease: Lease): void {
    if (this.#observed?.metadata.resourceVersion !== lease.metadata.resourceVersion) {
      this.#observed = lease;
      this.#observedAt = this.#now();
    }
    const holder = lease.spec?.holderIdentity ?? '';
    if (holder === this.#leader) return;
    this.#leader = holder;
    if (holder !== '') this.#options.onNewLeader?.(holder);
  }

  async #release(): Promise<void> {
    const { client, identity } = this.#options;
    const current = this.#observed;
    if (current?.spec?.holderIdentity !== identity) return;
    const spec = { ...current.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() };
    try {
      await client.replace<Lease>(leases, { ...current, spec }, { signal: AbortSignal.timeout(2_000) });
    } catch (error) {
      this.#options.onError?.(error);
    }
  }
}

/** MicroTime of the API: microseconds, of which we know the milliseconds. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
