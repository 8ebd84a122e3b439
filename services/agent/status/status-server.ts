// HTTP of the agent: 15020 (readiness, merged metrics, app probes, quit, drain) and 15021 (readiness for kubelet).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AppProbes, type ProbeAnswer, runProbe } from './app-probes.ts';
import { type AppScrape, mergeMetrics, scrapeApp, scrapeTimeoutMs } from './metrics-merge.ts';

/** What the server answers from. */
export interface StatusServerOptions {
  readonly host: string;
  readonly statusPort: number;
  readonly readinessPort: number;
  readonly readiness: () => { readonly ready: boolean; readonly reason?: string };
  readonly agentMetrics: () => string;
  readonly proxyMetrics: () => string | Promise<string>;
  readonly appScrape: AppScrape | undefined;
  readonly appProbes: AppProbes;
  /** Address of the app: the pod's own. */
  readonly appAddress: string;
  readonly probeSource?: string | undefined;
  readonly drain: () => void;
  readonly quit: () => void;
  readonly onScrapeFailure: (type: 'agent' | 'envoy' | 'application') => void;
}

/** Ports that are listened on. */
export interface StatusServer {
  readonly statusPort: number;
  readonly readinessPort: number;
}

/** Listens until the signal aborts. */
export async function startStatusServer(options: StatusServerOptions, signal: AbortSignal): Promise<StatusServer> {
  const status = createServer((request, response) => void answerStatus(request, response, options));
  const readiness = createServer((request, response) => {
    if (pathOf(request) === '/healthz/ready') answerReadiness(response, options);
    else answer(response, 404, 'only /healthz/ready is served here');
  });
  const statusPort = await listen(status, options.statusPort, options.host, signal);
  const readinessPort = await listen(readiness, options.readinessPort, options.host, signal);
  return { statusPort, readinessPort };
}

function listen(server: Server, port: number, host: string, signal: AbortSignal): Promise<number> {
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} is in use; the agent needs it, so the app must not listen there`)
          : error,
      ),
    );
    server.listen(port, host, () => {
      const stop = (): void => {
        server.close();
        server.closeAllConnections();
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function answerStatus(
  request: IncomingMessage,
  response: ServerResponse,
  options: StatusServerOptions,
): Promise<void> {
  const path = pathOf(request);
  const probe = options.appProbes.get(path);
  if (probe !== undefined) return answerProbe(response, await runProbe(probe, options.appAddress, options.probeSource));
  switch (path) {
    case '/healthz/ready':
      return answerReadiness(response, options);
    case '/metrics':
    case '/stats/prometheus':
      return answerMetrics(request, response, options);
    case '/quitquitquit':
      return answerCommand(request, response, options.quit);
    case '/drain':
      return answerCommand(request, response, options.drain);
    default:
      return answer(response, 404, path.startsWith('/app-') ? `no probe was rewritten to ${path}` : 'not found');
  }
}

function answerReadiness(response: ServerResponse, options: StatusServerOptions): void {
  const { ready, reason = 'not ready' } = options.readiness();
  answer(response, ready ? 200 : 503, ready ? '' : reason);
}

function answerProbe(response: ServerResponse, { status, reason }: ProbeAnswer): void {
  answer(response, status < 200 ? 500 : status, reason);
}

async function answerMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  options: StatusServerOptions,
): Promise<void> {
  const timeoutMs = scrapeTimeoutMs(header(request, 'x-prometheus-scrape-timeout-seconds'));
  const guarded = async (type: 'envoy' | 'application', scrape: () => string | Promise<string>): Promise<string> => {
    try {
      return await scrape();
    } catch {
      options.onScrapeFailure(type);
      return '';
    }
  };
  const { appScrape } = options;
  const [proxy, app] = await Promise.all([
    guarded('envoy', options.proxyMetrics),
    appScrape === undefined ? '' : guarded('application', () => scrapeApp(appScrape, timeoutMs)),
  ]);
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  response.end(mergeMetrics([options.agentMetrics(), proxy, app]));
}

/** Commands end or drain the proxy: only programs of this pod may give them, and only by POST. */
function answerCommand(request: IncomingMessage, response: ServerResponse, command: () => void): void {
  const from = request.socket.remoteAddress ?? '';
  if (!/^(?:::ffff:)?127\.|^::1$/.test(from)) {
    answer(response, 403, 'only accepted from localhost');
  } else if (request.method !== 'POST') {
    answer(response, 405, 'use POST');
  } else {
    answer(response, 200, 'ok');
    command();
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text === '' ? '' : `${text}\n`);
}

const pathOf = (request: IncomingMessage): string => (request.url ?? '/').split('?')[0]!;

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
