// A control plane that serves fixed resources to whoever asks: for our proxy and stock Envoy side by side.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  type Cluster,
  type ClusterLoadAssignment,
  type Listener,
  type RouteConfiguration,
  packAny,
  TYPE_URL,
} from '#wire/xds.ts';
import { DiscoveryServer } from '../../services/control-plane/serve/discovery-server.ts';
import { encodeResource, type EncodedResource } from '../../services/control-plane/serve/resources.ts';

export interface StaticConfig {
  readonly clusters: readonly Cluster[];
  readonly endpoints?: readonly ClusterLoadAssignment[];
  readonly listeners: readonly Listener[];
  readonly routes?: readonly RouteConfiguration[];
}

export class StaticDiscovery {
  readonly #server = new Server();
  readonly #discovery: DiscoveryServer;
  #resources = new Map<string, Map<string, EncodedResource>>();
  port = 0;

  constructor(config: StaticConfig) {
    this.#discovery = new DiscoveryServer({ resourcesFor: () => this.#resources, now: Date.now, log: () => {} });
    this.set(config);
  }

  set({ clusters, endpoints = [], listeners, routes = [] }: StaticConfig): void {
    const named = <T>(
      list: readonly T[],
      name: (one: T) => string,
      pack: (one: T) => ReturnType<typeof packAny>,
    ): Map<string, EncodedResource> => new Map(list.map((one) => [name(one), encodeResource(name(one), pack(one))]));
    this.#resources = new Map([
      [
        TYPE_URL.cluster,
        named(
          clusters,
          (one) => one.name ?? '',
          (one) => packAny('envoy.config.cluster.v3.Cluster', one),
        ),
      ],
      [
        TYPE_URL.endpoint,
        named(
          endpoints,
          (one) => one.clusterName ?? '',
          (one) => packAny('envoy.config.endpoint.v3.ClusterLoadAssignment', one),
        ),
      ],
      [
        TYPE_URL.listener,
        named(
          listeners,
          (one) => one.name ?? '',
          (one) => packAny('envoy.config.listener.v3.Listener', one),
        ),
      ],
      [
        TYPE_URL.route,
        named(
          routes,
          (one) => one.name ?? '',
          (one) => packAny('envoy.config.route.v3.RouteConfiguration', one),
        ),
      ],
    ]);
    this.#discovery.push();
  }

  async start(): Promise<void> {
    this.#discovery.register(this.#server);
    this.port = await new Promise((resolve, reject) =>
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}
