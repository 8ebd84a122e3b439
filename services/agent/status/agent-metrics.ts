// The agent's own series, as istio-agent names them.

/** Counts what the agent does. */
export class AgentMetrics {
  readonly #startedMs: number;
  #startupSeconds: number | undefined;
  #scrapes = 0;
  readonly #scrapeFailures = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    this.#startedMs = now();
  }

  started(): void {
    this.#startupSeconds ??= (this.#now() - this.#startedMs) / 1000;
  }

  scrapeFailed(type: string): void {
    this.#scrapeFailures.set(type, (this.#scrapeFailures.get(type) ?? 0) + 1);
  }

  /** Prometheus text. */
  text(certificateNotAfterMs: number | undefined, renewals: number): string {
    this.#scrapes += 1;
    const lines = [
      '# TYPE istio_agent_scrapes_total counter',
      `istio_agent_scrapes_total ${this.#scrapes}`,
      '# TYPE istio_agent_num_outgoing_requests counter',
      `istio_agent_num_outgoing_requests{request_type="csr"} ${renewals}`,
    ];
    if (this.#startupSeconds !== undefined) {
      lines.push(
        '# TYPE istio_agent_startup_duration_seconds gauge',
        `istio_agent_startup_duration_seconds ${this.#startupSeconds}`,
      );
    }
    if (certificateNotAfterMs !== undefined) {
      const seconds = (certificateNotAfterMs - this.#now()) / 1000;
      lines.push(
        '# TYPE istio_agent_cert_expiry_seconds gauge',
        `istio_agent_cert_expiry_seconds{resource_name="default"} ${seconds}`,
      );
    }
    if (this.#scrapeFailures.size > 0) lines.push('# TYPE istio_agent_scrape_failures_total counter');
    for (const [type, count] of this.#scrapeFailures)
      lines.push(`istio_agent_scrape_failures_total{type="${type}"} ${count}`);
    return `${lines.join('\n')}\n`;
  }
}
