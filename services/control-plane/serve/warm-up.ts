// Make before break: which clusters a proxy has been told of and cannot use yet, and which it may still use though they are
// to go. Until the first are warm, nothing that names them is sent; until nothing names the second, they stay.
import type { EncodedResource, ResourceSet } from './resources.ts';
import type { Subscription } from './subscription.ts';

type Resources = ReadonlyMap<string, EncodedResource>;
const none: Resources = new Map();

export class WarmUp {
  readonly #clusterType: string;
  readonly #endpointType: string;
  readonly #fresh = new Set<string>();

  constructor(clusterType: string, endpointType: string) {
    this.#clusterType = clusterType;
    this.#endpointType = endpointType;
  }

  /** `next`, and what of `current` it lacks: clusters that go, with their endpoints. The same object where none goes. */
  keepLeaving(current: ResourceSet, next: ResourceSet): ResourceSet {
    const had = current.get(this.#clusterType) ?? none;
    const has = next.get(this.#clusterType) ?? none;
    const leaving = [...had.keys()].filter((name) => !has.has(name));
    if (leaving.length === 0) return next;
    const kept = (type: string): Resources => {
      const result = new Map(next.get(type) ?? none);
      for (const name of leaving) {
        const resource = current.get(type)?.get(name);
        if (resource !== undefined && !result.has(name)) result.set(name, resource);
      }
      return result;
    };
    return new Map([
      ...next,
      [this.#clusterType, kept(this.#clusterType)],
      [this.#endpointType, kept(this.#endpointType)],
    ]);
  }

  /** Takes note of clusters that come with `next` and get their endpoints by discovery. */
  expect(current: ResourceSet, next: ResourceSet): void {
    const had = current.get(this.#clusterType) ?? none;
    const endpoints = next.get(this.#endpointType) ?? none;
    const clusters = next.get(this.#clusterType) ?? none;
    for (const name of this.#fresh) if (!clusters.has(name)) this.#fresh.delete(name);
    for (const name of clusters.keys()) if (!had.has(name) && endpoints.has(name)) this.#fresh.add(name);
  }

  /** Whether new clusters wait for the proxy to ask for their endpoints or to say that it took them. */
  isWarming(clusters: Subscription | undefined, endpoints: Subscription | undefined): boolean {
    if (this.#fresh.size === 0 || clusters === undefined || endpoints === undefined) return false;
    if (clusters.answer.kind === 'nack') this.#fresh.clear();
    const waits =
      clusters.answer.kind === 'pending' ||
      endpoints.answer.kind === 'pending' ||
      [...this.#fresh].some((name) => !endpoints.wants(name));
    if (!waits) this.#fresh.clear();
    return this.#fresh.size > 0;
  }

  /** Waits no longer. */
  giveUp(): void {
    this.#fresh.clear();
  }
}
