// Applies discovered resources to the proxy in an order that loses no request: listeners wait for their routes, removed
// clusters stay until routes had time to leave them.
import type { ClusterResource } from '../config/cluster-config.ts';
import type { ListenerConfig, ListenerResource } from '../config/listener-config.ts';
import type { DataPlane } from '../data-plane.ts';
import type { ResourceKind, ResourceSink } from './ads-client.ts';

/** How long a listener waits for its routes before it opens without them (Envoy's initial fetch timeout). */
const WARM_MS = 15_000;
const CLUSTER_LINGER_MS = 5_000;
/** Served by the agent, not by the control plane. */
const LOCAL_SECRETS = new Set(['default', 'ROOTCA']);

interface Warming {
  readonly resource: ListenerResource;
  readonly config: ListenerConfig;
  readonly timer: NodeJS.Timeout;
}

export class ProxySink implements ResourceSink {
  readonly #proxy: DataPlane;
  readonly #warming = new Map<string, Warming>();
  readonly #lingering = new Map<string, NodeJS.Timeout>();
  readonly #pending = new Set<Promise<void>>();
  readonly #received = new Set<ResourceKind>();

  constructor(proxy: DataPlane) {
    this.#proxy = proxy;
  }

  /** Clusters and listeners have come and every listener is open. */
  get isReady(): boolean {
    return (
      this.#received.has('cluster') &&
      this.#received.has('listener') &&
      this.#warming.size === 0 &&
      this.#pending.size === 0
    );
  }

  set(kind: ResourceKind, name: string, resource: object): void | Promise<void> {
    const proxy = this.#proxy;
    switch (kind) {
      case 'cluster':
        clearTimeout(this.#lingering.get(name));
        this.#lingering.delete(name);
        proxy.setCluster(resource as ClusterResource);
        return;
      case 'endpoint':
        proxy.setEndpoints(resource as { clusterName?: string });
        return;
      case 'listener':
        return this.#setListener(resource as ListenerResource);
      case 'route':
        proxy.setRoutes(resource as { name?: string });
        this.#openWarm();
        return;
      case 'secret':
        proxy.setSecret(resource);
        return;
    }
  }

  #setListener(resource: ListenerResource): void {
    const config = this.#proxy.compileListener(resource);
    this.#cool(config.name);
    if (this.#isWarm(config)) {
      this.#open(resource, config);
      return;
    }
    const timer = setTimeout(() => {
      this.#warming.delete(config.name);
      this.#open(resource, config);
    }, WARM_MS);
    timer.unref();
    this.#warming.set(config.name, { resource, config, timer });
  }

  #isWarm(config: ListenerConfig): boolean {
    return routeNamesOf(config).every((name) => this.#proxy.routes.isLoaded(name));
  }

  #open(resource: ListenerResource, config: ListenerConfig): void {
    const opening = this.#proxy.openListener(resource, config);
    this.#pending.add(opening);
    void opening.finally(() => this.#pending.delete(opening));
  }

  #openWarm(): void {
    for (const [name, { resource, config }] of this.#warming) {
      if (!this.#isWarm(config)) continue;
      this.#cool(name);
      this.#open(resource, config);
    }
  }

  #cool(name: string): void {
    clearTimeout(this.#warming.get(name)?.timer);
    this.#warming.delete(name);
  }

  remove(kind: ResourceKind, name: string): void {
    const proxy = this.#proxy;
    switch (kind) {
      case 'cluster': {
        const timer = setTimeout(() => {
          this.#lingering.delete(name);
          proxy.removeCluster(name);
        }, CLUSTER_LINGER_MS);
        timer.unref();
        clearTimeout(this.#lingering.get(name));
        this.#lingering.set(name, timer);
        return;
      }
      case 'endpoint':
        proxy.removeEndpoints(name);
        return;
      case 'listener':
        this.#cool(name);
        proxy.removeListener(name);
        return;
      case 'route':
        return;
      case 'secret':
        proxy.secrets.remove(name);
        return;
    }
  }

  settled(kind: ResourceKind): void {
    this.#received.add(kind);
  }

  wanted(kind: ResourceKind): ReadonlySet<string> | undefined {
    switch (kind) {
      case 'cluster':
      case 'listener':
        return undefined;
      case 'endpoint':
        return this.#proxy.wantedEndpoints();
      case 'route': {
        const names = this.#proxy.wantedRoutes();
        for (const { config } of this.#warming.values()) for (const name of routeNamesOf(config)) names.add(name);
        return names;
      }
      case 'secret': {
        const names = this.#proxy.wantedSecrets();
        for (const name of LOCAL_SECRETS) names.delete(name);
        return names;
      }
    }
  }
}

function routeNamesOf(config: ListenerConfig): string[] {
  return [...config.chains, ...(config.defaultChain === undefined ? [] : [config.defaultChain])].flatMap(
    ({ routeName }) => (routeName === undefined ? [] : [routeName]),
  );
}
