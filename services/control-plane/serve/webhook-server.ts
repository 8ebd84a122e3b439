// HTTPS on 15017: hands admission reviews, read whole and bounded, to whoever answers their path.
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerIdentity } from '#lib/rpc/server-credentials.ts';

/** One request, body read. */
export interface WebhookCall {
  /** Path with query. */
  readonly path: string;
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
}
export interface WebhookAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}
export type WebhookHandler = (call: WebhookCall) => Promise<WebhookAnswer> | WebhookAnswer;

export interface WebhookServerOptions {
  readonly host: string;
  readonly port: number;
  readonly identity: ServerIdentity;
  /** First path segment (`inject`, `validate`) -> who answers it. */
  readonly handlers: Readonly<Record<string, WebhookHandler>>;
  readonly isReady: () => boolean;
  readonly log: (line: string) => void;
}

export interface WebhookServer {
  readonly port: number;
  /** Presents a new certificate to connections that open from now on. */
  update(identity: ServerIdentity): void;
}

/** An API server's own limit is 3 MiB of object, and an update holds two. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

const contextOf = ({ keyPair }: ServerIdentity) => ({
  cert: keyPair.certificateChainPem,
  key: keyPair.privateKey.reveal(),
  minVersion: 'TLSv1.2' as const,
});

/** Listens until the signal aborts. */
export async function startWebhookServer(options: WebhookServerOptions, signal: AbortSignal): Promise<WebhookServer> {
  const server = createServer(
    contextOf(options.identity),
    (request, response) => void serve(request, response, options),
  );
  server.requestTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  signal.addEventListener('abort', () => close(server), { once: true });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    update: (identity) => server.setSecureContext(contextOf(identity)),
  };
}

function close(server: Server): void {
  server.close();
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), 2_000).unref();
}

async function serve(request: IncomingMessage, response: ServerResponse, options: WebhookServerOptions): Promise<void> {
  const path = request.url ?? '/';
  const answer = (status: number, contentType: string, body: string): void => {
    response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  };
  const segment = /^\/([a-z]+)/.exec(path)?.[1] ?? '';
  if (segment === 'ready')
    return answer(options.isReady() ? 200 : 503, 'text/plain', options.isReady() ? 'ok' : 'not ready');
  const handler = Object.hasOwn(options.handlers, segment) ? options.handlers[segment] : undefined;
  if (handler === undefined) return answer(404, 'text/plain', `no webhook at ${path.slice(0, 200)}`);
  try {
    const body = await readBody(request);
    if (body === undefined) return answer(413, 'text/plain', `at most ${MAX_BODY_BYTES} bytes are accepted`);
    const result = await handler({ path, contentType: request.headers['content-type'], body });
    answer(result.status, result.contentType, result.body);
  } catch (error) {
    options.log(`webhook ${path.slice(0, 200)}: ${(error as Error).stack ?? error}`);
    if (!response.headersSent) answer(500, 'text/plain', `the control plane failed: ${(error as Error).message}`);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
