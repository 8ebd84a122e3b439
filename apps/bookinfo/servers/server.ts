// What the four Bookinfo servers share: start, answer JSON, stop without cutting a request.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Variables that a server reads; `process.env` when it runs. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One answer. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export type Handler = (request: IncomingMessage, url: URL) => Answer | Promise<Answer>;

export const json = (value: unknown, status = 200): Answer => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(value),
});

export const notFound = (path: string): Answer => json({ error: `nothing is served at ${path}` }, 404);

/** Longest body that a server reads, in bytes. */
const MAX_BODY = 64 * 1024;

/** A server that is not listening yet. Errors of the handler become 500 with a JSON body. */
export function httpServer(handler: Handler): Server {
  const server = createServer((request, response) => {
    void answer(handler, request, response);
  });
  server.keepAliveTimeout = 60_000;
  return server;
}

async function answer(handler: Handler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let result: Answer;
  try {
    result = await handler(request, new URL(request.url ?? '/', 'http://localhost'));
  } catch (error) {
    result = json({ error: (error as Error).message }, 500);
  }
  request.resume();
  response.writeHead(result.status, {
    'content-type': result.contentType,
    'content-length': Buffer.byteLength(result.body),
    ...result.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : result.body);
}

/** The whole body as text; throws above 64 KiB. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error(`the body is larger than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** How long a server goes on accepting after SIGTERM, in milliseconds: clients learn of its end meanwhile. */
const LAME_DUCK_MS = 1500;
/** Longest wait for requests in flight after that. */
const DRAIN_MS = 10_000;

/**
 * Listens on the port that the first argument or PORT names (default 9080) until SIGTERM or SIGINT; then goes on
 * serving for a moment, closes idle connections, lets requests in flight end, and exits with 0.
 */
export function runServer(name: string, server: Server, env: Environment = process.env): void {
  const port = Number(process.argv[2] ?? env['PORT'] ?? 9080);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    console.error(`${name}: ${process.argv[2] ?? env['PORT']} is not a port; give a number from 0 to 65535`);
    process.exit(2);
  }
  server.on('error', (error: NodeJS.ErrnoException) => {
    const why = error.code === 'EADDRINUSE' ? `port ${port} is in use` : error.message;
    console.error(`${name}: cannot listen: ${why}`);
    process.exit(1);
  });
  server.listen(port, () => console.log(`${name} listens on ${(server.address() as AddressInfo).port}`));
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    console.log(`${name} ends on ${signal}`);
    setTimeout(() => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
      setTimeout(() => process.exit(0), DRAIN_MS).unref();
    }, LAME_DUCK_MS);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
