// The data plane of one proxy: takes decoded xDS resources, keeps the tables that connections read, and serves them.
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { Socket } from 'node:net';
import { BufferedLog } from '#lib/telemetry/buffered-log.ts';
import { Registry } from '#lib/telemetry/registry.ts';
import { type ClusterResource, compileCluster, compileEndpoints, type EndpointGroup } from './config/cluster-config.ts';
import { compileListener, type ListenerConfig, type ListenerResource } from './config/listener-config.ts';
import { type DataSource, readDataSource } from './config/data-source.ts';
import { RouteStore, type RouteConfigurationResource } from './config/route-table.ts';
import { SecretStore } from './config/secrets.ts';
import { Listeners } from './listen/listeners.ts';
import { type Destination, originalDestination } from './listen/original-destination.ts';
import { createFilterFactory } from './stack/filters.ts';
import type { ProxyContext } from './stack/context.ts';
import { IstioMetrics } from './telemetry/istio-metrics.ts';
import { Cluster } from './upstream/cluster.ts';

export interface ProxyNode {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface ProxyOptions {
  readonly node: ProxyNode;
  readonly secrets?: SecretStore;
  /** Where access logs go. */
  readonly writeAccessLog: (text: string) => void;
  readonly log: (line: string) => void;
  /** @default SO_ORIGINAL_DST of the socket */
  readonly originalDestination?: (socket: Socket) => Destination | undefined;
  /** [0,1). @default Math.random */
  readonly random?: () => number;
}

interface EndpointResource {
  readonly clusterName?: string;
  readonly endpoints?: readonly Readonly<Record<string, unknown>>[];
}

interface SecretResource {
  readonly name?: string;
  readonly tlsCertificate?: { readonly certificateChain?: DataSource; readonly privateKey?: DataSource };
  readonly validationContext?: { readonly trustedCa?: DataSource };
}

const IDLE_SWEEP_MS = 1000;

export class DataPlane {
  readonly node: ProxyNode;
  readonly secrets: SecretStore;
  readonly registry = new Registry();
  readonly metrics: IstioMetrics;
  readonly routes = new RouteStore();
  readonly listeners: Listeners;
  readonly clusters = new Map<string, Cluster>();
  readonly clusterResources = new Map<string, ClusterResource>();
  readonly endpointResources = new Map<string, EndpointResource>();
  readonly context: ProxyContext;
  readonly #access: BufferedLog;
  readonly #filters: ReturnType<typeof createFilterFactory>;
  readonly #dnsTimers = new Map<string, NodeJS.Timeout>();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;

  constructor(options: ProxyOptions) {
    this.node = options.node;
    this.secrets = options.secrets ?? new SecretStore();
    this.metrics = new IstioMetrics(this.registry, options.node);
    this.#access = new BufferedLog(options.writeAccessLog);
    this.context = {
      clusters: this.clusters,
      random: options.random ?? Math.random,
      newId: randomUUID,
      isDraining: false,
      active: 0,
      writeAccess: (line) => this.#access.append(line),
    };
    this.#filters = createFilterFactory(this.metrics, this.routes, this.secrets);
    this.listeners = new Listeners(
      {
        context: this.context,
        secrets: this.secrets,
        originalDestination: options.originalDestination ?? originalDestination,
        onRefused: (listener, info, reason) =>
          options.log(`refused ${info.remote} at ${listener.name} for ${info.local}: ${reason}`),
      },
      (listener, error) =>
        options.log(`listener ${listener.name} on ${listener.address}:${listener.port}: ${error.message}`),
    );
    this.#sweeper = setInterval(() => {
      const now = Date.now();
      for (const cluster of this.clusters.values()) cluster.sweepIdle(now);
    }, IDLE_SWEEP_MS);
    this.#sweeper.unref();
  }

  /** @throws if the resource is invalid; what was there stays */
  setCluster(resource: ClusterResource): void {
    const config = compileCluster(resource, this.secrets);
    let cluster = this.clusters.get(config.name);
    if (cluster === undefined) {
      cluster = new Cluster(config, this.context.random);
      this.clusters.set(config.name, cluster);
    } else cluster.reconfigure(config);
    this.clusterResources.set(config.name, resource);
    if (config.discovery === 'static') cluster.setEndpoints(config.staticGroups);
    else if (config.discovery === 'dns') this.#resolve(cluster);
    else if (config.discovery === 'eds') {
      const known = this.endpointResources.get(config.edsName);
      if (known !== undefined) cluster.setEndpoints(compileEndpoints(known));
    }
  }

  removeCluster(name: string): void {
    this.clusters.get(name)?.close();
    this.clusters.delete(name);
    this.clusterResources.delete(name);
    clearTimeout(this.#dnsTimers.get(name));
    this.#dnsTimers.delete(name);
  }

  setEndpoints(resource: EndpointResource): void {
    const name = resource.clusterName ?? '';
    const groups = compileEndpoints(resource);
    this.endpointResources.set(name, resource);
    for (const cluster of this.clusters.values()) {
      if (cluster.config.discovery === 'eds' && cluster.config.edsName === name) cluster.setEndpoints(groups);
    }
  }

  removeEndpoints(name: string): void {
    this.endpointResources.delete(name);
  }

  setRoutes(resource: RouteConfigurationResource): void {
    this.routes.set(resource);
  }

  /** @throws if the resource is invalid; what was there stays */
  async setListener(resource: ListenerResource): Promise<void> {
    await this.openListener(resource, this.compileListener(resource));
  }

  openListener(_resource: ListenerResource, config: ListenerConfig): Promise<void> {
    return this.listeners.set(config);
  }

  /** A Secret resource of SDS: certificate with key, or trust bundle. */
  setSecret(resource: object): void {
    const { name = '', tlsCertificate, validationContext } = resource as SecretResource;
    if (tlsCertificate?.certificateChain !== undefined && tlsCertificate.privateKey !== undefined) {
      this.secrets.setCertificate(name, {
        certificateChain: readDataSource(tlsCertificate.certificateChain),
        privateKey: readDataSource(tlsCertificate.privateKey),
      });
    }
    if (validationContext?.trustedCa !== undefined) {
      this.secrets.setValidation(name, { trustedCa: readDataSource(validationContext.trustedCa) });
    }
  }

  /** SDS names that listeners and clusters want. */
  wantedSecrets(): Set<string> {
    const names = new Set<string>();
    for (const { config } of this.clusters.values()) for (const name of config.secretNames) names.add(name);
    for (const listener of this.listeners.configs) {
      for (const { tls } of [
        ...listener.chains,
        ...(listener.defaultChain === undefined ? [] : [listener.defaultChain]),
      ]) {
        if (tls === undefined) continue;
        names.add(tls.certificate);
        if (tls.validation !== undefined) names.add(tls.validation);
      }
    }
    return names;
  }

  compileListener(resource: ListenerResource): ListenerConfig {
    return compileListener(resource, this.#filters);
  }

  removeListener(name: string): void {
    this.listeners.remove(name);
  }

  /** EDS names that the clusters want. */
  wantedEndpoints(): Set<string> {
    const names = new Set<string>();
    for (const { config } of this.clusters.values()) if (config.discovery === 'eds') names.add(config.edsName);
    return names;
  }

  /** RDS names that the listeners want. */
  wantedRoutes(): Set<string> {
    const names = new Set<string>();
    for (const listener of this.listeners.configs) {
      for (const chain of [
        ...listener.chains,
        ...(listener.defaultChain === undefined ? [] : [listener.defaultChain]),
      ]) {
        if (chain.routeName !== undefined) names.add(chain.routeName);
      }
    }
    return names;
  }

  #resolve(cluster: Cluster): void {
    const { config } = cluster;
    const attempt = async (): Promise<void> => {
      const results = await Promise.all(
        config.dnsHosts.map(async ({ host, port }) => {
          try {
            return (await lookup(host, { all: true, family: 4 })).map(({ address }) => ({ address, port }));
          } catch {
            return [];
          }
        }),
      );
      if (this.#closed || this.clusters.get(config.name) !== cluster || cluster.config !== config) return;
      const found = results.flat();
      // A name server that fails for a moment does not empty the cluster.
      if (found.length > 0 || !cluster.hasEndpoints) cluster.setEndpoints([dnsGroup(found)]);
      const timer = setTimeout(() => void attempt(), config.dnsRefreshMs);
      timer.unref();
      this.#dnsTimers.set(config.name, timer);
    };
    clearTimeout(this.#dnsTimers.get(config.name));
    void attempt();
  }

  flushLogs(): void {
    this.#access.flush();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const timer of this.#dnsTimers.values()) clearTimeout(timer);
    this.listeners.close();
    for (const cluster of this.clusters.values()) cluster.close();
    this.#access.flush();
  }
}

function dnsGroup(found: readonly { address: string; port: number }[]): EndpointGroup {
  return {
    priority: 0,
    localityWeight: 1,
    endpoints: found.map(({ address, port }) => ({
      address,
      port,
      weight: 1,
      healthy: true,
      locality: undefined,
      workload: undefined,
      metadata: {},
    })),
  };
}
