// Start-up, liveness and readiness probes of one container run.
// @see https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
import type { Container, Probe } from '../pod-types.ts';
import { type ActionContext, type ActionResult, runAction } from './action.ts';

export type ProbeKind = 'Startup' | 'Liveness' | 'Readiness';

export interface ProberEvents {
  /** `started` or `ready` may have changed. */
  changed(): void;
  /** A start-up or liveness probe has failed for good: kill the container. */
  unhealthy(kind: ProbeKind, probe: Probe): void;
  /** One probe failed. */
  failed(kind: ProbeKind, message: string): void;
}

/** First pause before a container that is not up yet is asked again, in ms; each next one is half as long again. */
const firstEarlyMs = 100;

export class Prober {
  started: boolean;
  ready: boolean;
  private readonly container: Container;
  private readonly context: ActionContext;
  private readonly events: ProberEvents;
  private readonly timers = new Set<NodeJS.Timeout>();
  private stopped = false;

  constructor(container: Container, context: ActionContext, events: ProberEvents) {
    this.container = container;
    this.context = context;
    this.events = events;
    this.started = container.startupProbe === undefined;
    this.ready = this.started && container.readinessProbe === undefined;
  }

  start(): void {
    const { startupProbe } = this.container;
    if (startupProbe === undefined) this.startOthers();
    else this.run('Startup', startupProbe);
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private startOthers(): void {
    const { livenessProbe, readinessProbe } = this.container;
    if (livenessProbe !== undefined) this.run('Liveness', livenessProbe);
    if (readinessProbe !== undefined) this.run('Readiness', readinessProbe);
  }

  private later(ms: number, action: () => void): void {
    if (this.stopped) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, ms);
    this.timers.add(timer);
  }

  private run(kind: ProbeKind, probe: Probe): void {
    const periodMs = (probe.periodSeconds || 10) * 1000;
    const timeoutMs = (probe.timeoutSeconds || 1) * 1000;
    let successes = 0;
    let failures = 0;
    let earlyMs = firstEarlyMs;
    let countedAt = 0;
    const once = async (): Promise<void> => {
      const began = Date.now();
      const result = await runAction(probe, this.context, timeoutMs);
      if (this.stopped) return;
      if (!result.ok && earlyMs < periodMs && kind !== 'Liveness' && countedAt > 0 && began - countedAt < periodMs) {
        this.later(earlyMs, () => void once());
        earlyMs *= 1.5;
        return;
      }
      countedAt = began;
      if (result.ok) {
        successes += 1;
        failures = 0;
        earlyMs = Number.POSITIVE_INFINITY;
      } else {
        failures += 1;
        successes = 0;
      }
      const again = this.settle(kind, probe, result, successes, failures);
      // A container that has just started is asked again soon, so that it is ready when it can be and not a period later;
      // only one failure a period counts.
      const early = !result.ok && kind !== 'Liveness' && earlyMs < periodMs;
      const waitMs = early ? earlyMs : Math.max(0, periodMs - (Date.now() - began));
      if (early) earlyMs *= 1.5;
      if (again) this.later(waitMs, () => void once());
    };
    this.later((probe.initialDelaySeconds ?? 0) * 1000, () => void once());
  }

  /** Applies one result; returns whether to probe again. */
  private settle(kind: ProbeKind, probe: Probe, result: ActionResult, successes: number, failures: number): boolean {
    if (!result.ok) this.events.failed(kind, result.message);
    const up = successes >= (probe.successThreshold || 1);
    const down = failures >= (probe.failureThreshold || 3);
    switch (kind) {
      case 'Startup':
        if (up) {
          this.started = true;
          this.ready = this.container.readinessProbe === undefined;
          this.startOthers();
          this.events.changed();
          return false;
        }
        if (down) this.events.unhealthy(kind, probe);
        return !down;
      case 'Liveness':
        if (down) this.events.unhealthy(kind, probe);
        return !down;
      case 'Readiness': {
        const ready = up ? true : down ? false : this.ready;
        if (ready !== this.ready) {
          this.ready = ready;
          this.events.changed();
        }
        return true;
      }
    }
  }
}
