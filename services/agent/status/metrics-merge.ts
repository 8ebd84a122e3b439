// One scrape for Prometheus: the agent's series, the proxy's, and the app's own endpoint as its annotations name it.
import { request } from 'node:http';
import { AgentConfigError } from '../environment/variables.ts';

/** ISTIO_PROMETHEUS_ANNOTATIONS: where the app's metrics are. */
export interface AppScrape {
  readonly port: number;
  readonly path: string;
}

/** Ports that would scrape ourselves. */
const RESERVED = new Set([15_000, 15_001, 15_004, 15_006, 15_008, 15_020, 15_021, 15_053, 15_090]);
const MAX_APP_BYTES = 16 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

/** Reads the variable; undefined when the app is not scraped. */
export function readAppScrape(text: string | undefined): AppScrape | undefined {
  if (text === undefined || text === '') return undefined;
  let value: { scrape?: string; port?: string; path?: string };
  try {
    value = JSON.parse(text) as typeof value;
  } catch (cause) {
    throw new AgentConfigError(`ISTIO_PROMETHEUS_ANNOTATIONS is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || value.scrape === 'false') return undefined;
  const port = Number(value.port || 80);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new AgentConfigError(`prometheus.io/port ${JSON.stringify(value.port)} is no port`);
  if (RESERVED.has(port))
    throw new AgentConfigError(`prometheus.io/port ${port} is a port of the mesh; name the app's own`);
  const path = value.path || '/metrics';
  return { port, path: path.startsWith('/') ? path : `/${path}` };
}

/** The app's metrics in text form; throws when it does not answer in time or too much. */
export function scrapeApp(
  scrape: AppScrape,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
  host = 'localhost',
): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { accept: 'text/plain;version=0.0.4;q=1,*/*;q=0.1' };
    const sent = request({ host, port: scrape.port, path: scrape.path, headers, agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_APP_BYTES)
          response.destroy(new Error(`the app's metrics are larger than ${MAX_APP_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`the app's metrics answered ${response.statusCode}`));
        else resolve(Buffer.concat(chunks).toString('utf8'));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Texts one after another, each ending its last line; OpenMetrics' end mark would cut the answer short. */
export function mergeMetrics(texts: readonly string[]): string {
  return texts
    .map((text) => text.replace(/\n# EOF\s*$/, '\n'))
    .filter((text) => text !== '')
    .map((text) => (text.endsWith('\n') ? text : `${text}\n`))
    .join('');
}

/** Milliseconds that the scraper says it waits, less a little; it sends seconds. */
export function scrapeTimeoutMs(header: string | undefined): number {
  const seconds = Number(header);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000 * 0.9, 60_000) : DEFAULT_TIMEOUT_MS;
}
