// A data plane in this process with upstream servers beside it; everything on port 0 of the loopback interface.
import {
  createServer,
  type IncomingMessage,
  request,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Server as NetServer } from 'node:net';
import { DataPlane, type ProxyOptions } from '../../services/proxy/data-plane.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export class ProxyBench {
  readonly log: string[] = [];
  readonly accessLog: string[] = [];
  readonly plane: DataPlane;
  readonly #servers: (Server | NetServer)[] = [];

  constructor(options: Partial<ProxyOptions> = {}) {
    this.plane = new DataPlane({
      node: {
        id: 'sidecar~10.0.0.1~a.default~default.svc.cluster.local',
        cluster: 'a.default',
        metadata: { NAMESPACE: 'default', WORKLOAD_NAME: 'a' },
      },
      writeAccessLog: (text) => this.accessLog.push(...text.split('\n').filter(Boolean)),
      log: (line) => this.log.push(line),
      originalDestination: () => undefined,
      ...options,
    });
  }

  async http(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
    return this.listen(createServer(handler));
  }

  async listen(server: Server | NetServer): Promise<number> {
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  port(listener: string): number {
    const port = this.plane.listeners.portOf(listener);
    if (port === undefined) throw new Error(`listener ${listener} is not open: ${this.log.join('\n')}`);
    return port;
  }

  send(listener: string, path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: this.port(listener), path, agent: false, ...options },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(parts).toString(),
            }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** Writes raw bytes and reads until the proxy closes. */
  raw(listener: string, ...parts: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port(listener), '127.0.0.1');
      let text = '';
      socket.setEncoding('latin1');
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
      socket.on('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNRESET' || error.code === 'EPIPE' ? undefined : reject(error),
      );
      for (const part of parts) socket.write(part, 'latin1');
    });
  }

  async close(): Promise<void> {
    this.plane.close();
    for (const server of this.#servers) {
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}
