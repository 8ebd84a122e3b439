// Consistent hashing: a ring (Ketama-like) and Maglev's table. A request without a hash goes to a random host.
import type { BalancedHost, Picker } from './host.ts';

/** 32-bit hash of a string: FNV-1a with a final avalanche, so that neighbouring keys spread. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mix(hash);
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const MAX_RING_SIZE = 65_536;

export class RingPicker<H extends BalancedHost> implements Picker<H> {
  readonly #points: Uint32Array;
  readonly #owners: H[];
  readonly #random: () => number;

  constructor(hosts: readonly H[], minimumRingSize: number, random: () => number) {
    this.#random = random;
    const total = hosts.reduce((sum, host) => sum + host.weight, 0);
    const size = Math.min(MAX_RING_SIZE, Math.max(minimumRingSize, hosts.length));
    const points: { point: number; host: H }[] = [];
    for (const host of hosts) {
      const share = Math.max(1, Math.round((size * host.weight) / total));
      for (let index = 0; index < share; index++) points.push({ point: hashOf(`${host.key}_${index}`), host });
    }
    points.sort((a, b) => a.point - b.point);
    this.#points = Uint32Array.from(points, ({ point }) => point);
    this.#owners = points.map(({ host }) => host);
  }

  pick(hash: number | undefined): H | undefined {
    const wanted = hash ?? Math.floor(this.#random() * 2 ** 32);
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#points[middle] ?? 0) >= wanted) high = middle;
      else low = middle + 1;
    }
    return this.#owners[low % Math.max(1, this.#owners.length)];
  }
}

export class MaglevPicker<H extends BalancedHost> implements Picker<H> {
  readonly #table: H[];
  readonly #random: () => number;

  constructor(hosts: readonly H[], tableSize: number, random: () => number) {
    this.#random = random;
    this.#table = fill(hosts, tableSize);
  }

  pick(hash: number | undefined): H | undefined {
    return this.#table[(hash ?? Math.floor(this.#random() * 2 ** 32)) % Math.max(1, this.#table.length)];
  }
}

/** Each host in turn takes the next free slot of its own permutation, as often as its weight allows. */
function fill<H extends BalancedHost>(hosts: readonly H[], size: number): H[] {
  if (hosts.length === 0) return [];
  const table: (H | undefined)[] = new Array<H | undefined>(size).fill(undefined);
  const heaviest = Math.max(...hosts.map((host) => host.weight));
  const turns = hosts.map((host) => ({
    host,
    offset: hashOf(host.key) % size,
    skip: (hashOf(`${host.key}#`) % (size - 1)) + 1,
    next: 0,
    credit: 0,
  }));
  for (let filled = 0; filled < size; ) {
    for (const turn of turns) {
      turn.credit += turn.host.weight / heaviest;
      if (turn.credit < 1) continue;
      turn.credit -= 1;
      let slot = (turn.offset + turn.skip * turn.next++) % size;
      while (table[slot] !== undefined) slot = (turn.offset + turn.skip * turn.next++) % size;
      table[slot] = turn.host;
      if (++filled === size) break;
    }
  }
  return table.filter((host) => host !== undefined);
}
