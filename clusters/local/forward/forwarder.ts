// Host ports of the cluster: each accepted connection is piped to an address inside the cluster's namespace.
import { createServer, type Server, type Socket } from 'node:net';
import type { NetworkNamespace } from '../network/sockets.ts';

/** Where a host port leads. */
export interface Forward {
  readonly hostPort: number;
  readonly address: string;
  readonly port: number;
}

export class Forwarder {
  readonly #namespace: NetworkNamespace;
  readonly #host: string;
  readonly #servers = new Map<number, { forward: Forward; server: Server; sockets: Set<Socket> }>();

  constructor(namespace: NetworkNamespace, host = '127.0.0.1') {
    this.#namespace = namespace;
    this.#host = host;
  }

  /** Opens a host port, or points one that is open to another address. */
  async open(forward: Forward): Promise<void> {
    const existing = this.#servers.get(forward.hostPort);
    if (existing) {
      existing.forward = forward;
      return;
    }
    const sockets = new Set<Socket>();
    const entry = { forward, sockets, server: createServer({ allowHalfOpen: true, noDelay: true }) };
    entry.server.on('connection', (client) => this.#pipe(client, entry.forward, sockets));
    await new Promise<void>((resolve, reject) => {
      entry.server.once('error', reject);
      entry.server.listen(forward.hostPort, this.#host, () => {
        entry.server.off('error', reject);
        entry.server.on('error', () => undefined);
        resolve();
      });
    });
    this.#servers.set(forward.hostPort, entry);
  }

  close(hostPort: number): void {
    const entry = this.#servers.get(hostPort);
    if (!entry) return;
    this.#servers.delete(hostPort);
    entry.server.close();
    for (const socket of entry.sockets) socket.destroy();
  }

  closeAll(): void {
    for (const port of [...this.#servers.keys()]) this.close(port);
  }

  #pipe(client: Socket, forward: Forward, sockets: Set<Socket>): void {
    let upstream: Socket;
    try {
      upstream = this.#namespace.connect(forward.port, forward.address);
    } catch {
      client.destroy();
      return;
    }
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        // A half-closed connection ends by itself; one that broke takes its other half along.
        if (!socket.readableEnded) other.destroy();
      });
    }
    client.pipe(upstream);
    upstream.pipe(client);
  }
}
