// HTTP on 8080 and 15014: readiness, version, metrics and the debug pages, those only for callers that are known.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Authenticate } from '#lib/identity/caller.ts';

/** JSON of a debug page; undefined where there is none of that name or proxy. */
export type DebugPage = (query: URLSearchParams) => unknown;

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly isReady: () => boolean;
  /** `<version>-<git revision>-<status>` */
  readonly version: string;
  readonly metrics: () => string;
  /** Name below /debug/ -> page. */
  readonly debug: Readonly<Record<string, DebugPage>>;
  /** Judges callers of debug pages that do not come from this host. */
  readonly authenticate: Authenticate;
  /** Namespace whose identities see every debug page. */
  readonly systemNamespace: string;
}

/** Listens until the signal aborts; resolves with the port. */
export async function startHttpServer(options: HttpServerOptions, signal: AbortSignal): Promise<number> {
  const server = createServer((request, response) => {
    serve(request, response, options).catch((error: unknown) =>
      send(response, 500, `BUG: ${(error as Error).message}`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  signal.addEventListener('abort', () => close(server), { once: true });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : options.port;
}

function close(server: Server): void {
  server.close();
  server.closeAllConnections();
}

async function serve(request: IncomingMessage, response: ServerResponse, options: HttpServerOptions): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'only GET is served');
  const url = new URL(request.url ?? '/', 'http://istiod');
  switch (url.pathname) {
    case '/ready':
      return options.isReady()
        ? send(response, 200, '')
        : send(response, 503, 'the control plane has not read everything yet');
    case '/version':
      return send(response, 200, options.version);
    case '/metrics':
      return send(response, 200, options.metrics(), 'text/plain; version=0.0.4; charset=utf-8');
  }
  if (url.pathname !== '/debug' && !url.pathname.startsWith('/debug/')) return send(response, 404, 'not found');
  const refusal = await refuse(request, options);
  if (refusal !== undefined) return send(response, refusal.status, refusal.message);
  const name = url.pathname.slice('/debug/'.length);
  if (name === '' || name === 'list') return send(response, 200, Object.keys(options.debug).sort().join('\n'));
  const page = Object.hasOwn(options.debug, name) ? options.debug[name] : undefined;
  const value = page?.(url.searchParams);
  if (value === undefined)
    return send(response, 404, `no debug page ${name.slice(0, 100)} for that proxy; see /debug for the names`);
  send(response, 200, JSON.stringify(value, undefined, 2), 'application/json');
}

async function refuse(
  request: IncomingMessage,
  options: HttpServerOptions,
): Promise<{ status: number; message: string } | undefined> {
  const address = request.socket.remoteAddress ?? '';
  if (address === '::1' || /^(::ffff:)?127\./.test(address)) return undefined;
  const caller = await options.authenticate({
    verifiedUriSans: [],
    authorization: request.headers.authorization,
    clusterId: undefined,
  });
  if (caller === undefined)
    return { status: 401, message: 'show a service account token with audience istio-ca in the authorization header' };
  if (caller.identities.some((identity) => identity.includes(`/ns/${options.systemNamespace}/sa/`))) return undefined;
  return { status: 403, message: `debug pages are for identities of ${options.systemNamespace}` };
}

function send(response: ServerResponse, status: number, body: string, contentType = 'text/plain; charset=utf-8'): void {
  if (response.headersSent) return void response.end();
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
