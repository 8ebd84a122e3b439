// The control plane's own metrics, under Istio's names.
import { Registry } from '#lib/telemetry/registry.ts';

/** Short names of types in pilot_xds_pushes. */
const SHORT: Readonly<Record<string, string>> = {
  'envoy.config.cluster.v3.Cluster': 'cds',
  'envoy.config.endpoint.v3.ClusterLoadAssignment': 'eds',
  'envoy.config.listener.v3.Listener': 'lds',
  'envoy.config.route.v3.RouteConfiguration': 'rds',
  'envoy.extensions.transport_sockets.tls.v3.Secret': 'sds',
};
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10];

export interface ControlPlaneMetrics {
  readonly registry: Registry;
  sent(typeUrl: string): void;
  rejected(typeUrl: string): void;
  triggered(kind: string): void;
  /** Seconds from the first change to the push. */
  converged(seconds: number): void;
  modelBuilt(seconds: number, services: number, virtualServices: number): void;
  /** An event of the CA, without its `citadel_server_` prefix. */
  ca(event: string): void;
}

const shortName = (typeUrl: string): string => SHORT[typeUrl.slice(typeUrl.lastIndexOf('/') + 1)] ?? 'other';

export function createMetrics(
  version: string,
  connectedProxies: () => number,
  startedAtMs: number,
): ControlPlaneMetrics {
  const registry = new Registry();
  const pushes = registry.counter('pilot_xds_pushes', ['type']);
  const rejects = registry.counter('pilot_total_xds_rejects', ['type']);
  const triggers = registry.counter('pilot_push_triggers', ['type']);
  const convergence = registry.histogram('pilot_proxy_convergence_time', [], SECONDS);
  const building = registry.histogram('pilot_pushcontext_init_seconds', [], SECONDS);
  const services = registry.gauge('pilot_services');
  const virtualServices = registry.gauge('pilot_virt_services');
  registry.gauge('pilot_info', ['version']).series(version).value = 1;
  registry.gauge('istio_build', ['component', 'tag']).series('pilot', version).value = 1;
  registry.collect(
    'pilot_xds',
    () => `# TYPE pilot_xds gauge\npilot_xds{version="${version}"} ${connectedProxies()}\n`,
  );
  registry.collect(
    'istiod_uptime_seconds',
    () => `# TYPE istiod_uptime_seconds gauge\nistiod_uptime_seconds ${(Date.now() - startedAtMs) / 1000}\n`,
  );
  registry.collect('process', () => {
    const { heapUsed, rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    return (
      `# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes ${rss}\n` +
      `# TYPE process_heap_bytes gauge\nprocess_heap_bytes ${heapUsed}\n` +
      `# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ${(user + system) / 1e6}\n`
    );
  });
  const caEvents = new Map<string, { add(amount: number): void }>();
  return {
    registry,
    sent: (typeUrl) => pushes.series(shortName(typeUrl)).add(1),
    rejected: (typeUrl) => rejects.series(shortName(typeUrl)).add(1),
    triggered: (kind) => triggers.series(kind).add(1),
    converged: (seconds) => convergence.series().observe(seconds),
    modelBuilt: (seconds, serviceCount, virtualServiceCount) => {
      building.series().observe(seconds);
      services.series().value = serviceCount;
      virtualServices.series().value = virtualServiceCount;
    },
    ca: (event) => {
      const series = caEvents.get(event) ?? registry.counter(`citadel_server_${event}`).series();
      caEvents.set(event, series);
      series.add(1);
    },
  };
}
