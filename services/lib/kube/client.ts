// The Kubernetes API over our own HTTP: typed verbs on ResourceRefs, bounded answers, an AbortSignal everywhere.
import type { IncomingMessage } from 'node:http';
import type { KubeConnection } from './credentials.ts';
import { KubeConnectionError, KubeError, type Status } from './errors.ts';
import { inClusterConnection } from './in-cluster.ts';
import { type KubeconfigOptions, readKubeconfig } from './kubeconfig.ts';
import { apiVersionOf, type KubeObject, type ObjectKey, type ResourceRef } from './object.ts';
import { Transport } from './transport.ts';
import { readWatch, type WatchEvent } from './watch.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly query?: Query | undefined;
}
export interface RequestOptions extends CallOptions {
  /** @default GET */
  readonly method?: string | undefined;
  /** Sent as JSON unless a string. */
  readonly body?: unknown;
  /** @default application/json */
  readonly contentType?: string | undefined;
  /** @default application/json */
  readonly accept?: string | undefined;
}
export interface WriteOptions extends CallOptions {
  readonly subresource?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
}
export interface PatchOptions extends WriteOptions {
  /** @default merge */
  readonly type?: 'merge' | 'strategic' | 'json' | undefined;
}
export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes fields over from other managers. @default false */
  readonly force?: boolean | undefined;
}
export interface ListOptions extends CallOptions {
  /** @default all namespaces */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
}
export interface DeleteOptions extends CallOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  /** Deletes only this incarnation. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly dryRun?: boolean | undefined;
}
export interface WatchOptions extends CallOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly resourceVersion?: string | undefined;
  /** The server ends the watch after this long. @default 300 */
  readonly timeoutSeconds?: number | undefined;
  /** @default true */
  readonly bookmarks?: boolean | undefined;
}
export interface KubeList<T extends KubeObject = KubeObject> {
  readonly items: T[];
  readonly resourceVersion: string;
  readonly continue?: string | undefined;
}
export interface ClientOptions {
  /** Largest answer that is read. @default 64 MiB */
  readonly maxBytes?: number | undefined;
  /** Longest silence of a non-watch request. @default 60,000 */
  readonly timeoutMs?: number | undefined;
  /** @default rigging */
  readonly userAgent?: string | undefined;
  /** Called with each `Warning` header of an answer. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export class KubeClient {
  readonly connection: KubeConnection;
  readonly #transport: Transport;
  readonly #maxBytes: number;
  readonly #timeoutMs: number;
  readonly #userAgent: string;
  readonly #onWarning: ((message: string) => void) | undefined;

  constructor(connection: KubeConnection, options: ClientOptions = {}) {
    this.connection = connection;
    this.#transport = new Transport(connection);
    this.#maxBytes = options.maxBytes ?? 64 << 20;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.#userAgent = options.userAgent ?? 'rigging';
    this.#onWarning = options.onWarning;
  }

  static fromKubeconfig(path: string, options: KubeconfigOptions & ClientOptions = {}): KubeClient {
    return new KubeClient(readKubeconfig(path, options), options);
  }

  static inCluster(options: ClientOptions = {}): KubeClient {
    return new KubeClient(inClusterConnection(), options);
  }

  /** Closes idle connections; running requests end by their own signals. */
  close(): void {
    this.#transport.close();
  }

  get<T extends KubeObject>(ref: ResourceRef, key: ObjectKey, options: WriteOptions = {}): Promise<T> {
    return this.request<T>(pathOf(ref, key.namespace, key.name, options.subresource), options);
  }

  /** Undefined where `get` fails with 404. */
  async tryGet<T extends KubeObject>(
    ref: ResourceRef,
    key: ObjectKey,
    options: WriteOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.get<T>(ref, key, options);
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return undefined;
      throw error;
    }
  }

  /** One page; items carry apiVersion and kind, which the wire leaves out. */
  async list<T extends KubeObject>(ref: ResourceRef, options: ListOptions = {}): Promise<KubeList<T>> {
    const { namespace, labelSelector, fieldSelector, limit, resourceVersion } = options;
    const query = {
      labelSelector,
      fieldSelector,
      limit,
      continue: options.continue,
      resourceVersion,
      ...options.query,
    };
    const list = await this.request<RawList<T>>(pathOf(ref, namespace), { signal: options.signal, query });
    const apiVersion = apiVersionOf(ref);
    const items = (list.items ?? []).map((item) => ({ ...item, apiVersion, kind: ref.kind }));
    return {
      items,
      resourceVersion: list.metadata?.resourceVersion ?? '',
      continue: list.metadata?.continue || undefined,
    };
  }

  /** Every page. Throws a 410 KubeError when the list expired between pages. */
  async listAll<T extends KubeObject>(ref: ResourceRef, options: ListOptions = {}): Promise<KubeList<T>> {
    const items: T[] = [];
    let page: KubeList<T> | undefined;
    do {
      page = await this.list<T>(ref, { limit: 500, ...options, continue: page?.continue });
      items.push(...page.items);
    } while (page.continue !== undefined);
    return { items, resourceVersion: page.resourceVersion };
  }

  create<T extends KubeObject>(ref: ResourceRef, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata;
    const path = options.subresource ? pathOf(ref, namespace, name, options.subresource) : pathOf(ref, namespace);
    return this.request<T>(path, { ...options, method: 'POST', body: object, query: writeQuery(options) });
  }

  /** Fails with 409 when `metadata.resourceVersion` is set and no longer current. */
  replace<T extends KubeObject>(ref: ResourceRef, object: T, options: WriteOptions = {}): Promise<T> {
    const path = pathOf(ref, object.metadata.namespace, object.metadata.name, options.subresource);
    return this.request<T>(path, { ...options, method: 'PUT', body: object, query: writeQuery(options) });
  }

  replaceStatus<T extends KubeObject>(ref: ResourceRef, object: T, options: WriteOptions = {}): Promise<T> {
    return this.replace(ref, object, { ...options, subresource: 'status' });
  }

  patch<T extends KubeObject>(
    ref: ResourceRef,
    key: ObjectKey,
    patch: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    return this.request<T>(pathOf(ref, key.namespace, key.name, options.subresource), {
      ...options,
      method: 'PATCH',
      body: patch,
      contentType: PATCH_TYPES[options.type ?? 'merge'],
      query: writeQuery(options),
    });
  }

  /** Server-side apply. @see https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
  apply<T extends KubeObject>(ref: ResourceRef, object: T, options: ApplyOptions): Promise<T> {
    const { namespace, name } = object.metadata;
    return this.request<T>(pathOf(ref, namespace, name, options.subresource), {
      ...options,
      method: 'PATCH',
      body: object,
      contentType: PATCH_TYPES.apply,
      query: { ...writeQuery(options), force: options.force ?? false },
    });
  }

  /** Resolves with the object that is going, or a Status. */
  delete(ref: ResourceRef, key: ObjectKey, options: DeleteOptions = {}): Promise<KubeObject> {
    const { uid, resourceVersion } = options;
    const preconditions = uid || resourceVersion ? { uid, resourceVersion } : undefined;
    return this.request<KubeObject>(pathOf(ref, key.namespace, key.name), {
      signal: options.signal,
      query: options.query,
      method: 'DELETE',
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: options.propagationPolicy,
        gracePeriodSeconds: options.gracePeriodSeconds,
        preconditions,
        dryRun: options.dryRun ? ['All'] : undefined,
      },
    });
  }

  deleteCollection(ref: ResourceRef, options: ListOptions & DeleteOptions = {}): Promise<unknown> {
    const { labelSelector, fieldSelector, propagationPolicy, gracePeriodSeconds } = options;
    return this.request(pathOf(ref, options.namespace), {
      signal: options.signal,
      method: 'DELETE',
      query: { labelSelector, fieldSelector, ...options.query },
      body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy, gracePeriodSeconds },
    });
  }

  /** Streams events until the server ends the watch or the signal aborts; a refusal in the stream throws KubeError. */
  async *watch<T extends KubeObject>(ref: ResourceRef, options: WatchOptions = {}): AsyncGenerator<WatchEvent<T>> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds = 300 } = options;
    const query = {
      watch: true,
      allowWatchBookmarks: options.bookmarks ?? true,
      labelSelector,
      fieldSelector,
      resourceVersion,
      timeoutSeconds,
      ...options.query,
    };
    const path = pathOf(ref, namespace);
    const idleTimeoutMs = timeoutSeconds * 1000 + 30_000;
    const response = await this.#send(path, { signal: options.signal, query }, idleTimeoutMs);
    yield* readWatch<T>(response, `WATCH ${path}`, options.signal);
  }

  /** Any path of the API; the answer is parsed as JSON. */
  async request<T>(path: string, options: RequestOptions = {}): Promise<T> {
    const text = await this.requestText(path, options);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new KubeConnectionError(`${options.method ?? 'GET'} ${path}: the answer is not JSON`, { cause });
    }
  }

  /** Any path of the API; the answer as text (logs, health, OpenAPI). */
  async requestText(path: string, options: RequestOptions = {}): Promise<string> {
    const response = await this.#send(path, options, this.#timeoutMs);
    return this.#readBody(response, `${options.method ?? 'GET'} ${path}`);
  }

  /** The answer's body as a stream, for logs that follow. */
  requestStream(
    path: string,
    options: RequestOptions & { readonly idleTimeoutMs?: number } = {},
  ): Promise<IncomingMessage> {
    return this.#send(path, options, options.idleTimeoutMs ?? 0);
  }

  async #send(path: string, options: RequestOptions, idleTimeoutMs: number): Promise<IncomingMessage> {
    const method = options.method ?? 'GET';
    const body =
      options.body === undefined || typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
    const full = path + queryString(options.query, path.includes('?') ? '&' : '?');
    for (let attempt = 0; ; attempt++) {
      const token = await this.connection.token?.token(attempt > 0);
      const headers: Record<string, string> = {
        Accept: options.accept ?? 'application/json',
        'User-Agent': this.#userAgent,
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined
          ? {}
          : {
              'Content-Type': options.contentType ?? 'application/json',
              'Content-Length': String(Buffer.byteLength(body)),
            }),
      };
      const exchange = { method, path: full, headers, body, signal: options.signal, idleTimeoutMs };
      const response = await this.#transport.send(exchange);
      this.#reportWarnings(response);
      const code = response.statusCode ?? 0;
      if (code >= 200 && code < 300) return response;
      const text = await this.#readBody(response, `${method} ${path}`);
      if (code === 401 && attempt === 0 && this.connection.token) continue;
      throw new KubeError(`${method} ${path}`, code, toStatus(text, code));
    }
  }

  async #readBody(response: IncomingMessage, where: string): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response) {
        size += (chunk as Buffer).length;
        if (size > this.#maxBytes) throw new KubeConnectionError(`answer larger than ${this.#maxBytes} bytes`);
        chunks.push(chunk as Buffer);
      }
    } catch (cause) {
      throw new KubeConnectionError(`${where}: ${(cause as Error).message}`, { cause });
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #reportWarnings(response: IncomingMessage): void {
    if (!this.#onWarning || response.headers['warning'] === undefined) return;
    for (const [, quoted] of response.headers['warning'].matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
      this.#onWarning(quoted!.replace(/\\(.)/g, '$1'));
    }
  }
}

interface RawList<T> {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: T[] | null;
}

/** `/api/v1/namespaces/default/pods/web/status` and its shorter forms. */
export function pathOf(ref: ResourceRef, namespace?: string, name?: string, subresource?: string): string {
  const parts = [ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`];
  if (ref.namespaced && namespace) parts.push('namespaces', encodeURIComponent(namespace));
  if (ref.namespaced && !namespace && name) throw new Error(`BUG: ${ref.kind} ${name} without a namespace`);
  parts.push(ref.plural);
  if (name) parts.push(encodeURIComponent(name));
  if (subresource) parts.push(subresource);
  return parts.join('/');
}

function writeQuery(options: WriteOptions): Query {
  return {
    fieldManager: options.fieldManager,
    fieldValidation: options.fieldValidation,
    dryRun: options.dryRun ? 'All' : undefined,
    ...options.query,
  };
}

function queryString(query: Query | undefined, first: string): string {
  const parts = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? '' : first + parts.join('&');
}

function toStatus(text: string, code: number): Status {
  try {
    const parsed = JSON.parse(text) as Status;
    if (parsed.kind === 'Status') return parsed;
  } catch {
    // Not the API's own answer (a proxy, a plain-text handler): the text itself is the message.
  }
  return { message: text.slice(0, 500).trim() || `the server answered ${code}`, code };
}
