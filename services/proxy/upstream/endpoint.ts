// One upstream address of one cluster: what balancing, limits, outlier detection and its connection pool remember of it.
import type { BalancedHost } from '#lib/balance/host.ts';
import type { Http1Upstream } from './http1-connection.ts';
import type { UpstreamTls } from './tls.ts';

export interface EndpointLabels {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

/** Labels of the workload behind an endpoint: metadata `istio.workload`, `name;namespace;canonical name;revision;cluster`. */
export interface EndpointWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly cluster: string;
}

export class Endpoint implements BalancedHost {
  readonly key: string;
  readonly address: string;
  readonly port: number;
  weight = 1;
  priority = 0;
  active = 0;
  available = true;
  /** What health discovery says. */
  healthy = true;
  /** Removed from the cluster: finishes what it has, opens nothing new. */
  removed = false;
  ejectedUntil = 0;
  ejections = 0;
  consecutive5xx = 0;
  consecutiveGatewayErrors = 0;
  consecutiveLocalFailures = 0;
  connections = 0;
  requests = 0;
  errors = 0;
  connectFailures = 0;
  locality: EndpointLabels | undefined;
  workload: EndpointWorkload | undefined;
  /** TLS of the transport socket this endpoint's metadata selected; undefined is plaintext. */
  tls: UpstreamTls | undefined;
  metadata: Readonly<Record<string, unknown>> = {};
  readonly idle: Http1Upstream[] = [];

  constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
    this.key = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  }

  /** Closes idle connections; those in use close when they become idle. */
  retire(): void {
    this.removed = true;
    for (const connection of this.idle.splice(0)) connection.destroy();
  }
}
