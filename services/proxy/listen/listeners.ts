// The set of listeners: binds those that have a port, finds the virtual ones by original destination, swaps configurations
// without touching connections, drains what was removed.
import { createServer, type Server, type Socket } from 'node:net';
import type { FilterChain, ListenerConfig } from '../config/listener-config.ts';
import type { Http1Server } from '../stack/http1-server.ts';
import { Acceptor, type AcceptorOptions, type Connections } from './acceptor.ts';
import type { Destination } from './original-destination.ts';

interface Bound {
  readonly server: Server;
  config: ListenerConfig;
  readonly opened: Promise<void>;
}

const SWEEP_MS = 5000;

export class Listeners implements Connections {
  readonly #configs = new Map<string, ListenerConfig>();
  readonly #bound = new Map<string, Bound>();
  readonly #virtual = new Map<string, ListenerConfig>();
  readonly #connections = new Map<Http1Server, FilterChain>();
  readonly #sockets = new Set<Socket>();
  readonly #acceptor: Acceptor;
  readonly #timer: NodeJS.Timeout;
  readonly #onError: (listener: ListenerConfig, error: Error) => void;
  #closed = false;

  constructor(
    options: Omit<AcceptorOptions, 'connections' | 'findListener'>,
    onError: (listener: ListenerConfig, error: Error) => void,
  ) {
    this.#onError = onError;
    this.#acceptor = new Acceptor({
      ...options,
      connections: this,
      findListener: (destination) => this.#find(destination),
    });
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  get configs(): readonly ListenerConfig[] {
    return [...this.#configs.values()];
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** Actual port of a listener, for those that asked for port 0. */
  portOf(name: string): number | undefined {
    const address = this.#bound.get(name)?.server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  }

  /** Resolves when the listener accepts, or failed to. */
  async set(config: ListenerConfig): Promise<void> {
    const old = this.#configs.get(config.name);
    this.#configs.set(config.name, config);
    if (old !== undefined) this.#adopt(old, config);
    if (!config.bindToPort) {
      if (old !== undefined) this.#forget(old);
      this.#virtual.set(`${config.address}:${config.port}`, config);
      return;
    }
    const bound = this.#bound.get(config.name);
    if (bound !== undefined && bound.config.address === config.address && bound.config.port === config.port) {
      bound.config = config;
      return;
    }
    if (old !== undefined) this.#forget(old);
    await this.#bind(config);
  }

  remove(name: string): void {
    const config = this.#configs.get(name);
    if (config === undefined) return;
    this.#configs.delete(name);
    this.#forget(config);
    this.#drainChains(new Set([...config.chains, ...(config.defaultChain === undefined ? [] : [config.defaultChain])]));
  }

  /** Chains that stay keep their connections and give them the new configuration; others drain. */
  #adopt(old: ListenerConfig, config: ListenerConfig): void {
    const fresh = new Map(config.chains.map((chain) => [chain.key, chain]));
    const gone = new Set<FilterChain>();
    for (const chain of [...old.chains, ...(old.defaultChain === undefined ? [] : [old.defaultChain])]) {
      const next = chain === old.defaultChain ? config.defaultChain : fresh.get(chain.key);
      const sameTls = JSON.stringify(tlsKey(next)) === JSON.stringify(tlsKey(chain));
      if (next === undefined || !sameTls || next.service.current.kind !== chain.service.current.kind) gone.add(chain);
      else {
        chain.service.current = next.service.current;
        for (const [connection, of] of this.#connections) if (of === chain) this.#connections.set(connection, next);
        // Connections look at their first chain's service: keep one object for all generations.
        (next as { service: FilterChain['service'] }).service = chain.service;
      }
    }
    this.#drainChains(gone);
  }

  #drainChains(chains: ReadonlySet<FilterChain>): void {
    if (chains.size === 0) return;
    for (const [connection, chain] of this.#connections) if (chains.has(chain)) connection.drain();
  }

  #forget(config: ListenerConfig): void {
    const key = `${config.address}:${config.port}`;
    if (this.#virtual.get(key)?.name === config.name) this.#virtual.delete(key);
    const bound = this.#bound.get(config.name);
    if (bound === undefined) return;
    this.#bound.delete(config.name);
    bound.server.close();
  }

  #bind(config: ListenerConfig): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      this.#acceptor.accept(socket, bound.config);
    });
    const opened = new Promise<void>((resolve) => {
      server.once('listening', resolve);
      server.on('error', (error) => {
        this.#onError(bound.config, error);
        resolve();
      });
    });
    const bound: Bound = { server, config, opened };
    this.#bound.set(config.name, bound);
    server.listen({ host: config.address, port: config.port, backlog: 4096 });
    return opened;
  }

  #find({ address, port }: Destination): ListenerConfig | undefined {
    return (
      this.#virtual.get(`${address}:${port}`) ?? this.#virtual.get(`0.0.0.0:${port}`) ?? this.#virtual.get(`:::${port}`)
    );
  }

  add(connection: Http1Server, socket: Socket, chain: FilterChain): void {
    this.#connections.set(connection, chain);
    socket.once('close', () => this.#connections.delete(connection));
  }

  /** Stops accepting; connections say goodbye with their next answer. */
  stopAccepting(direction?: ListenerConfig['direction']): void {
    for (const [name, bound] of this.#bound) {
      if (direction !== undefined && bound.config.direction !== direction) continue;
      bound.server.close();
      this.#bound.delete(name);
    }
  }

  drainConnections(): void {
    this.#acceptor.http2.drain();
    for (const connection of this.#connections.keys()) connection.drain();
  }

  closeIdle(): void {
    this.#acceptor.http2.drain();
    for (const connection of this.#connections.keys()) connection.closeIdle();
  }

  #sweep(): void {
    const now = Date.now();
    for (const connection of this.#connections.keys()) connection.sweep(now);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.stopAccepting();
    this.#acceptor.http2.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function tlsKey(chain: FilterChain | undefined): unknown {
  return chain?.tls === undefined ? null : { ...chain.tls, sans: chain.tls.sans.length };
}
