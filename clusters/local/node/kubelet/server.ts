// The kubelet's HTTPS API, as the API server calls it: logs of containers, streams, health. Only clients whose certificate the cluster's
// authority signed and that belong to system:masters get in.
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { ContainerRuntime } from '../container/runtime.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import { type LogOptions, streamLog } from './log-reader.ts';
import { StreamRefusal, type StreamServer } from './stream-server.ts';

export interface KubeletOptions {
  readonly address: string;
  readonly port: number;
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string;
  readonly pods: PodManager;
  readonly runtime: ContainerRuntime;
  readonly streams: StreamServer;
  readonly log: (line: string) => void;
}

class Refusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const wholeNumber = (text: string | null, what: string): number | undefined => {
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new Refusal(400, `${what}: ${JSON.stringify(text)} is not a whole number`);
  return Number(text);
};

export class KubeletServer {
  readonly #options: KubeletOptions;
  readonly server: Server;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.server = createServer(
      {
        cert: readFileSync(options.certFile),
        key: readFileSync(options.keyFile),
        ca: readFileSync(options.clientCaFile),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
      },
      (request, response) => void this.#serve(request, response),
    );
    this.server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
  }

  async start(signal: AbortSignal): Promise<void> {
    const { address, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, address, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    signal.addEventListener(
      'abort',
      () => {
        this.server.close();
        this.server.closeAllConnections();
      },
      { once: true },
    );
  }

  /** Path and query of a request by a client that may ask; throws a Refusal otherwise. */
  #admit(request: IncomingMessage): { readonly parts: string[]; readonly url: URL } {
    const subject = (request.socket as TLSSocket).getPeerCertificate().subject as { O?: string | string[] } | undefined;
    if (![subject?.O ?? []].flat().includes('system:masters'))
      throw new Refusal(403, 'only the API server may ask this');
    try {
      const url = new URL(request.url ?? '/', 'https://kubelet');
      const parts = url.pathname.split('/').filter((it) => it !== '');
      return { parts: parts.map(decodeURIComponent), url };
    } catch {
      throw new Refusal(400, 'the path of the request is malformed');
    }
  }

  /** exec, attach and port-forward: the connection changes its protocol. */
  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      const { parts, url } = this.#admit(request);
      await this.#options.streams.upgrade(parts, url.searchParams, request, socket, head);
    } catch (error) {
      const code = error instanceof StreamRefusal || error instanceof Refusal ? error.code : 500;
      if (code === 500) this.#options.log(`kubelet API: ${(error as Error).stack}`);
      const body = `${(error as Error).message}\n`;
      socket.end(
        `HTTP/1.1 ${code} ${STATUS_CODES[code]}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { parts, url } = this.#admit(request);
      if (parts[0] === 'healthz') {
        response.end('ok');
        return;
      }
      if (parts[0] === 'containerLogs' && parts.length === 4) {
        await this.#logs(parts[1]!, parts[2]!, parts[3]!, url.searchParams, response);
        return;
      }
      if (['exec', 'attach', 'portForward', 'run'].includes(parts[0] ?? ''))
        throw new Refusal(400, `${parts[0]} needs an upgrade of the connection: WebSocket`);
      throw new Refusal(404, `the node serves no ${url.pathname}`);
    } catch (error) {
      const code = error instanceof Refusal ? error.code : 500;
      if (code === 500) this.#options.log(`kubelet API: ${(error as Error).stack}`);
      if (!response.headersSent) response.writeHead(code, { 'content-type': 'text/plain' });
      response.end(`${(error as Error).message}\n`);
    }
  }

  async #logs(
    namespace: string,
    name: string,
    container: string,
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const worker = this.#options.pods.find(namespace, name);
    const slot = worker?.slots.find((it) => it.container.name === container);
    if (!worker || !slot)
      throw new Refusal(404, `pod ${namespace}/${name} with container ${container} is not on this node`);
    const view = slot.view();
    const previous = query.get('previous') === 'true';
    // The newest attempt is the running one, or the last where none runs.
    const attempt = previous ? view.restartCount - 1 : view.restartCount;
    if (attempt < 0) throw new Refusal(400, `previous terminated container "${container}" in pod "${name}" not found`);
    if (!previous && view.state.waiting !== undefined && view.restartCount === 0 && view.id === undefined) {
      throw new Refusal(
        400,
        `container "${container}" in pod "${name}" is waiting to start: ${view.state.waiting.reason}`,
      );
    }
    const sinceSeconds = wholeNumber(query.get('sinceSeconds'), 'sinceSeconds');
    const sinceTime = query.get('sinceTime');
    const options: LogOptions = {
      follow: query.get('follow') === 'true',
      tailLines: wholeNumber(query.get('tailLines'), 'tailLines'),
      limitBytes: wholeNumber(query.get('limitBytes'), 'limitBytes'),
      timestamps: query.get('timestamps') === 'true',
      ...(sinceTime !== null
        ? { since: new Date(sinceTime) }
        : sinceSeconds !== undefined
          ? { since: new Date(Date.now() - sinceSeconds * 1000) }
          : {}),
    };
    const ended = new AbortController();
    response.on('close', () => ended.abort());
    const run = slot.running;
    if (options.follow && run) void run.exited.then(() => setTimeout(() => ended.abort(), 100).unref());
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    for await (const chunk of streamLog(
      this.#options.runtime.logFile(worker.uid, container, attempt),
      options,
      ended.signal,
    )) {
      if (!response.write(chunk))
        await new Promise<void>((resolve) => {
          response.once('drain', resolve);
          response.once('close', resolve);
        });
    }
    response.end();
  }
}
