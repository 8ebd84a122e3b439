// A tiny API server for client tests: ConfigMaps and Leases in memory, lists, watches, and faults on demand.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeObject } from '#lib/kube/object.ts';

interface Change {
  readonly version: number;
  readonly plural: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export class FixtureApi {
  /** Every request, in order. */
  readonly seen: Seen[] = [];
  /** Answers instead of the store when it returns true. */
  intercept: ((request: Seen, response: http.ServerResponse) => boolean) | undefined;
  readonly #server: http.Server;
  readonly #objects = new Map<string, KubeObject>();
  readonly #watches = new Set<{ plural: string; response: http.ServerResponse }>();
  #history: Change[] = [];
  #oldest = 0;
  #version = 100;

  constructor() {
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.#answer(request, Buffer.concat(chunks).toString(), response));
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get watchers(): number {
    return this.#watches.size;
  }

  put(plural: string, name: string, data: object = {}): KubeObject {
    const key = `${plural}/${name}`;
    const before = this.#objects.get(key);
    const version = ++this.#version;
    const metadata = {
      namespace: 'default',
      uid: before?.metadata.uid ?? `uid-${version}`,
      name,
      resourceVersion: String(version),
    };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', ...data, metadata } as KubeObject;
    this.#objects.set(key, object);
    this.#emit({ version, plural, type: before ? 'MODIFIED' : 'ADDED', object });
    return object;
  }

  remove(plural: string, name: string): void {
    const key = `${plural}/${name}`;
    const before = this.#objects.get(key)!;
    this.#objects.delete(key);
    const version = ++this.#version;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
    this.#emit({ version, plural, type: 'DELETED', object });
  }

  /** Ends every watch in the middle, as a server that dies does. */
  dropWatches(): void {
    for (const { response } of this.#watches) response.destroy();
    this.#watches.clear();
  }

  bookmark(): void {
    const object = {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(this.#version), name: '' },
    };
    for (const { response } of this.#watches) response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Forgets the past: watches from before now get 410. */
  compact(): void {
    this.#oldest = this.#version;
    this.#history = [];
  }

  /** Raises the version without a change of anything watched. */
  pass(count: number): void {
    this.#version += count;
  }

  #emit(change: Change): void {
    this.#history.push(change);
    for (const { plural, response } of this.#watches) {
      if (plural === change.plural) response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
    }
  }

  #answer(request: http.IncomingMessage, body: string, response: http.ServerResponse): void {
    const seen = { method: request.method!, url: request.url!, headers: request.headers, body };
    this.seen.push(seen);
    if (this.intercept?.(seen, response)) return;
    const url = new URL(request.url!, 'http://x');
    const [plural = '', name] = url.pathname.split('/').slice(url.pathname.startsWith('/apis/') ? 6 : 5);
    if (url.searchParams.get('watch') === 'true') return this.#watch(plural, url, response);
    if (name === undefined && request.method === 'GET') return this.#list(plural, response);
    const known = this.#objects.get(`${plural}/${name}`);
    if (request.method === 'POST') {
      const object = JSON.parse(body) as KubeObject;
      if (this.#objects.has(`${plural}/${object.metadata.name}`)) return refuse(response, 409, 'AlreadyExists');
      return reply(response, 201, this.put(plural, object.metadata.name, object));
    }
    if (known === undefined) return refuse(response, 404, 'NotFound');
    if (request.method === 'PUT') {
      const object = JSON.parse(body) as KubeObject;
      if (object.metadata.resourceVersion !== known.metadata.resourceVersion) return refuse(response, 409, 'Conflict');
      return reply(response, 200, this.put(plural, name!, object));
    }
    reply(response, 200, known);
  }

  #list(plural: string, response: http.ServerResponse): void {
    const items = [...this.#objects].filter(([key]) => key.startsWith(`${plural}/`)).map(([, object]) => object);
    reply(response, 200, { kind: 'List', metadata: { resourceVersion: String(this.#version) }, items });
  }

  #watch(plural: string, url: URL, response: http.ServerResponse): void {
    const from = Number(url.searchParams.get('resourceVersion'));
    response.writeHead(200, { 'Content-Type': 'application/json' });
    if (from < this.#oldest) {
      const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    response.flushHeaders();
    for (const change of this.#history.filter((each) => each.plural === plural && each.version > from)) {
      response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
    }
    const watch = { plural, response };
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
  }
}

export function reply(
  response: http.ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function refuse(response: http.ServerResponse, code: number, reason: string): void {
  reply(response, code, { kind: 'Status', status: 'Failure', message: `${reason} it is`, reason, code });
}
