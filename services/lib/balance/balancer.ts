// Chooses a host: first a priority (by health, with Envoy's 140 % overprovisioning), then a locality where localities are
// weighted, then a host by policy. Health changes rebuild the small tables; a pick only reads them.
import type { BalancedHost, BalancerOptions, HostGroup, Picker } from './host.ts';
import { createPicker } from './pickers.ts';

const OVERPROVISIONING = 1.4;
const DEFAULT_PANIC_THRESHOLD = 50;

interface Level<H extends BalancedHost> {
  /** Cumulative share, 0..1. */
  readonly upTo: number;
  readonly localities: readonly { readonly upTo: number; readonly picker: Picker<H> }[];
}

export class Balancer<H extends BalancedHost> {
  readonly #groups: readonly HostGroup<H>[];
  readonly #options: BalancerOptions;
  readonly #random: () => number;
  #levels: readonly Level<H>[] = [];
  /** The common case: one priority, one list. */
  #only: Picker<H> | undefined;

  constructor(groups: readonly HostGroup<H>[], options: BalancerOptions) {
    this.#groups = groups;
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.refresh();
  }

  /** Call after a host's `available` changed. */
  refresh(): void {
    const priorities = [...new Set(this.#groups.map((group) => group.priority))].sort((a, b) => a - b);
    const levels = priorities.map((priority) => this.#groups.filter((group) => group.priority === priority));
    const shares = this.#shares(levels);
    let upTo = 0;
    this.#levels = levels.flatMap((groups, index) => {
      const share = shares[index] ?? 0;
      const localities = share > 0 ? this.#localities(groups) : [];
      if (localities.length === 0) return [];
      upTo += share;
      return [{ upTo, localities }];
    });
    const first = this.#levels[0];
    this.#only = this.#levels.length === 1 && first?.localities.length === 1 ? first.localities[0]?.picker : undefined;
  }

  /**
   * @param hash consistent hash of the request, for hashing policies
   * @param refuse hosts that a retry should avoid; after three tries the last pick is taken all the same
   */
  pick(hash?: number, refuse?: (host: H) => boolean): H | undefined {
    let host = this.#pickOnce(hash);
    for (let tries = 0; refuse !== undefined && host !== undefined && refuse(host) && tries < 3; tries++) {
      host = this.#pickOnce(undefined);
    }
    return host;
  }

  #pickOnce(hash: number | undefined): H | undefined {
    if (this.#only !== undefined) return this.#only.pick(hash);
    const level = choose(this.#levels, this.#random());
    if (level === undefined) return undefined;
    return choose(level.localities, this.#random())?.picker.pick(hash);
  }

  /** Share of each priority: full health fills it before the next one gets anything. */
  #shares(levels: readonly (readonly HostGroup<H>[])[]): number[] {
    const health = levels.map((groups) => {
      const hosts = groups.flatMap((group) => group.hosts);
      const available = hosts.filter((host) => host.available).length;
      return hosts.length === 0 ? 0 : Math.min(1, (OVERPROVISIONING * available) / hosts.length);
    });
    const total = Math.min(
      1,
      health.reduce((sum, value) => sum + value, 0),
    );
    if (total === 0) return this.#panicShares(levels);
    let left = 1;
    return health.map((value) => {
      const share = Math.min(left, value / total);
      left -= share;
      return share;
    });
  }

  /** Nobody is available: by number of hosts, if panic is allowed. */
  #panicShares(levels: readonly (readonly HostGroup<H>[])[]): number[] {
    const counts = levels.map((groups) => groups.reduce((sum, group) => sum + group.hosts.length, 0));
    const total = counts.reduce((sum, count) => sum + count, 0);
    return this.#panicThreshold() === 0 || total === 0 ? counts.map(() => 0) : counts.map((count) => count / total);
  }

  #panicThreshold(): number {
    return this.#options.panicThreshold ?? DEFAULT_PANIC_THRESHOLD;
  }

  #localities(groups: readonly HostGroup<H>[]): { upTo: number; picker: Picker<H> }[] {
    const all = groups.flatMap((group) => group.hosts);
    const available = all.filter((host) => host.available);
    const panics = all.length > 0 && (100 * available.length) / all.length < this.#panicThreshold();
    const policy = this.#options.policy;
    if (this.#options.localityWeighted !== true) {
      const hosts = panics ? all : available;
      return hosts.length === 0 ? [] : [{ upTo: 1, picker: createPicker(policy, hosts, this.#random) }];
    }
    const weighted = groups
      .map((group) => {
        const hosts = panics ? group.hosts : group.hosts.filter((host) => host.available);
        const health =
          group.hosts.length === 0 ? 0 : Math.min(1, (OVERPROVISIONING * hosts.length) / group.hosts.length);
        return { weight: group.localityWeight * health, hosts };
      })
      .filter(({ weight }) => weight > 0);
    const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
    let upTo = 0;
    return weighted.map(({ weight, hosts }) => {
      upTo += weight / total;
      return { upTo, picker: createPicker(policy, hosts, this.#random) };
    });
  }
}

function choose<T extends { readonly upTo: number }>(parts: readonly T[], point: number): T | undefined {
  for (const part of parts) if (point < part.upTo) return part;
  return parts[parts.length - 1];
}
