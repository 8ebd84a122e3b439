// Outlier detection: counts failures of endpoints and takes those that fail too often out of balancing for a while.
import type { Endpoint } from './endpoint.ts';

export interface OutlierConfig {
  /** 0: off. */
  readonly consecutive5xx: number;
  /** 0: off. */
  readonly consecutiveGatewayFailure: number;
  /** 0: off. Counted apart from HTTP codes when `splitLocalOrigin`. */
  readonly consecutiveLocalOriginFailure: number;
  readonly splitLocalOrigin: boolean;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** Percentage of endpoints that may be out at once (one always may). */
  readonly maxEjectionPercent: number;
}

export class OutlierDetector {
  readonly #config: OutlierConfig;
  readonly #endpoints: () => Iterable<Endpoint>;
  readonly #changed: () => void;
  readonly #now: () => number;
  ejections = 0;

  constructor(
    config: OutlierConfig,
    endpoints: () => Iterable<Endpoint>,
    changed: () => void,
    now: () => number = Date.now,
  ) {
    this.#config = config;
    this.#endpoints = endpoints;
    this.#changed = changed;
    this.#now = now;
  }

  get intervalMs(): number {
    return this.#config.intervalMs;
  }

  onStatus(endpoint: Endpoint, status: number): void {
    if (status < 500) {
      endpoint.consecutive5xx = 0;
      endpoint.consecutiveGatewayErrors = 0;
      endpoint.consecutiveLocalFailures = 0;
      return;
    }
    const { consecutive5xx, consecutiveGatewayFailure } = this.#config;
    endpoint.consecutive5xx++;
    if (status >= 502 && status <= 504) endpoint.consecutiveGatewayErrors++;
    else endpoint.consecutiveGatewayErrors = 0;
    if (reached(endpoint.consecutive5xx, consecutive5xx)) this.#eject(endpoint);
    else if (reached(endpoint.consecutiveGatewayErrors, consecutiveGatewayFailure)) this.#eject(endpoint);
  }

  /** A connection that failed, a reset or a timeout; without splitting it counts as a 503. */
  onLocalFailure(endpoint: Endpoint): void {
    if (!this.#config.splitLocalOrigin) {
      this.onStatus(endpoint, 503);
      return;
    }
    endpoint.consecutiveLocalFailures++;
    if (reached(endpoint.consecutiveLocalFailures, this.#config.consecutiveLocalOriginFailure)) this.#eject(endpoint);
  }

  /** Brings back whoever has served its time. Called every `intervalMs`. */
  sweep(): void {
    const now = this.#now();
    let changed = false;
    for (const endpoint of this.#endpoints()) {
      if (endpoint.ejectedUntil === 0) {
        if (endpoint.ejections > 0) endpoint.ejections--;
        continue;
      }
      if (endpoint.ejectedUntil > now) continue;
      endpoint.ejectedUntil = 0;
      endpoint.available = endpoint.healthy;
      changed = true;
    }
    if (changed) this.#changed();
  }

  #eject(endpoint: Endpoint): void {
    endpoint.consecutive5xx = 0;
    endpoint.consecutiveGatewayErrors = 0;
    endpoint.consecutiveLocalFailures = 0;
    if (endpoint.ejectedUntil !== 0) return;
    let total = 0;
    let out = 0;
    for (const other of this.#endpoints()) {
      total++;
      if (other.ejectedUntil !== 0) out++;
    }
    if (out > 0 && (100 * (out + 1)) / total > this.#config.maxEjectionPercent) return;
    endpoint.ejections++;
    const time = Math.min(this.#config.maxEjectionMs, this.#config.baseEjectionMs * endpoint.ejections);
    endpoint.ejectedUntil = this.#now() + time;
    endpoint.available = false;
    this.ejections++;
    this.#changed();
  }
}

function reached(count: number, limit: number): boolean {
  return limit > 0 && count >= limit;
}
