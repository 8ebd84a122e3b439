// One HTTP exchange with the API server over a kept-alive connection; the answer's body is still a stream.
import http from 'node:http';
import https from 'node:https';
import type { KubeConnection } from './credentials.ts';
import { KubeConnectionError } from './errors.ts';

export interface Exchange {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Longest silence before and between bytes. */
  readonly idleTimeoutMs: number;
}

export class Transport {
  readonly #base: URL;
  readonly #connection: KubeConnection;
  readonly #agent: http.Agent;

  constructor(connection: KubeConnection) {
    this.#connection = connection;
    this.#base = new URL(connection.server);
    const pool = { keepAlive: true, keepAliveMsecs: 15_000, maxFreeSockets: 8, scheduling: 'lifo' as const };
    this.#agent =
      this.#base.protocol === 'https:'
        ? new https.Agent({
            ...pool,
            ...(connection.ca === undefined ? {} : { ca: connection.ca }),
            ...(connection.cert === undefined ? {} : { cert: connection.cert }),
            ...(connection.key === undefined ? {} : { key: connection.key }),
            ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
            rejectUnauthorized: connection.insecure !== true,
          })
        : new http.Agent(pool);
  }

  get server(): string {
    return this.#connection.server;
  }

  /** Closes idle connections and refuses to keep others. */
  close(): void {
    this.#agent.destroy();
  }

  /** Resolves with the head of the answer. A read on a connection the server had just closed is sent once more. */
  async send(exchange: Exchange): Promise<http.IncomingMessage> {
    try {
      return await this.#once(exchange);
    } catch (error) {
      if (error instanceof StaleConnection && exchange.method === 'GET') return this.#once(exchange);
      throw error;
    }
  }

  #once(exchange: Exchange): Promise<http.IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const { signal } = exchange;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const secure = this.#base.protocol === 'https:';
    const request = (secure ? https : http).request({
      agent: this.#agent,
      host: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port || (secure ? 443 : 80),
      method: exchange.method,
      path: this.#base.pathname.replace(/\/+$/, '') + exchange.path,
      headers: exchange.headers,
      timeout: exchange.idleTimeoutMs,
    });
    const where = `${exchange.method} ${this.#connection.server}${exchange.path}`;
    const onAbort = (): void => void request.destroy(asError(signal!.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    request.once('close', () => signal?.removeEventListener('abort', onAbort));
    request.on('timeout', () => {
      request.destroy(new KubeConnectionError(`${where}: nothing received for ${exchange.idleTimeoutMs} ms`));
    });
    request.on('error', (cause: NodeJS.ErrnoException) => {
      if (signal?.aborted) return reject(signal.reason);
      if (cause instanceof KubeConnectionError) return reject(cause);
      const Kind = request.reusedSocket && cause.code === 'ECONNRESET' ? StaleConnection : KubeConnectionError;
      reject(new Kind(`${where}: ${cause.message || cause.code}`, { cause }));
    });
    request.once('response', resolve);
    request.end(exchange.body);
    return promise;
  }
}

class StaleConnection extends KubeConnectionError {}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
