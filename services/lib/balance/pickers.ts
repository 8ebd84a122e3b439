// Round robin, least request and random over one list of hosts, weighted where weights differ.
import type { BalancedHost, BalancePolicy, Picker } from './host.ts';
import { MaglevPicker, RingPicker } from './hash.ts';

export function createPicker<H extends BalancedHost>(
  policy: BalancePolicy,
  hosts: readonly H[],
  random: () => number,
): Picker<H> {
  switch (policy.kind) {
    case 'round-robin':
      return isUniform(hosts) ? new RoundRobin(hosts, random) : new SmoothRoundRobin(hosts);
    case 'least-request':
      return new LeastRequest(hosts, policy.choices, random);
    case 'random':
      return new RandomPicker(hosts, random);
    case 'ring-hash':
      return new RingPicker(hosts, policy.minimumRingSize, random);
    case 'maglev':
      return new MaglevPicker(hosts, policy.tableSize, random);
  }
}

function isUniform(hosts: readonly BalancedHost[]): boolean {
  return hosts.every((host) => host.weight === hosts[0]?.weight);
}

class RoundRobin<H extends BalancedHost> implements Picker<H> {
  readonly #hosts: readonly H[];
  #next: number;

  constructor(hosts: readonly H[], random: () => number) {
    this.#hosts = hosts;
    // A random start, or every proxy would begin with the same endpoint after a push.
    this.#next = Math.floor(random() * hosts.length);
  }

  pick(): H | undefined {
    if (this.#next >= this.#hosts.length) this.#next = 0;
    return this.#hosts[this.#next++];
  }
}

/** nginx's smooth weighted round robin: a host of weight 3 among weight 1 is never picked three times in a row. */
class SmoothRoundRobin<H extends BalancedHost> implements Picker<H> {
  readonly #hosts: readonly H[];
  readonly #credit: Float64Array;
  readonly #total: number;

  constructor(hosts: readonly H[]) {
    this.#hosts = hosts;
    this.#credit = new Float64Array(hosts.length);
    this.#total = hosts.reduce((sum, host) => sum + host.weight, 0);
  }

  pick(): H | undefined {
    let best = -1;
    let bestCredit = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < this.#hosts.length; index++) {
      const credit = (this.#credit[index] ?? 0) + (this.#hosts[index]?.weight ?? 0);
      this.#credit[index] = credit;
      if (credit > bestCredit) {
        best = index;
        bestCredit = credit;
      }
    }
    if (best < 0) return undefined;
    this.#credit[best] = bestCredit - this.#total;
    return this.#hosts[best];
  }
}

class RandomPicker<H extends BalancedHost> implements Picker<H> {
  readonly #hosts: readonly H[];
  readonly #random: () => number;
  /** Running sums of weights; undefined while all are equal. */
  readonly #sums: Float64Array | undefined;

  constructor(hosts: readonly H[], random: () => number) {
    this.#hosts = hosts;
    this.#random = random;
    this.#sums = isUniform(hosts) ? undefined : runningSums(hosts);
  }

  pick(): H | undefined {
    const sums = this.#sums;
    const point = this.#random();
    if (sums === undefined) return this.#hosts[Math.floor(point * this.#hosts.length)];
    const wanted = point * (sums[sums.length - 1] ?? 0);
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) > wanted) high = middle;
      else low = middle + 1;
    }
    return this.#hosts[low];
  }
}

function runningSums(hosts: readonly BalancedHost[]): Float64Array {
  const sums = new Float64Array(hosts.length);
  let sum = 0;
  for (const [index, host] of hosts.entries()) {
    sum += host.weight;
    sums[index] = sum;
  }
  return sums;
}

/** The least busy, relative to weight, of a few random hosts. */
class LeastRequest<H extends BalancedHost> implements Picker<H> {
  readonly #candidates: RandomPicker<H>;
  readonly #hosts: readonly H[];
  readonly #choices: number;

  constructor(hosts: readonly H[], choices: number, random: () => number) {
    this.#hosts = hosts;
    this.#choices = Math.max(1, choices);
    this.#candidates = new RandomPicker(hosts, random);
  }

  pick(): H | undefined {
    if (this.#hosts.length === 1) return this.#hosts[0];
    let best = this.#candidates.pick();
    for (let tried = 1; tried < this.#choices && best !== undefined; tried++) {
      const other = this.#candidates.pick();
      if (other !== undefined && other.active * best.weight < best.active * other.weight) best = other;
    }
    return best;
  }
}
