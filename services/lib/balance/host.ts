// What a balancer needs to know of an endpoint.

export interface BalancedHost {
  /** Names the host on hash rings: its address. */
  readonly key: string;
  /** Relative share, at least 1. */
  readonly weight: number;
  /** Requests or connections in flight. */
  active: number;
  /** False while health reports or outlier detection keep it out. */
  available: boolean;
}

/** Hosts of one locality in one priority. */
export interface HostGroup<H extends BalancedHost> {
  readonly priority: number;
  /** Share of the locality when localities are weighted, else ignored. */
  readonly localityWeight: number;
  readonly hosts: readonly H[];
}

export interface BalancerOptions {
  readonly policy: BalancePolicy;
  /** Percentage of available hosts below which all hosts are used, healthy or not. 0 turns panic off. @default 50 */
  readonly panicThreshold?: number;
  /** Localities get traffic by weight, not by their number of hosts. */
  readonly localityWeighted?: boolean;
  /** [0,1). @default Math.random */
  readonly random?: () => number;
}

export type BalancePolicy =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'least-request'; readonly choices: number }
  | { readonly kind: 'random' }
  | { readonly kind: 'ring-hash'; readonly minimumRingSize: number }
  | { readonly kind: 'maglev'; readonly tableSize: number };

/** Picks among hosts that are all eligible. */
export interface Picker<H extends BalancedHost> {
  pick(hash: number | undefined): H | undefined;
}
