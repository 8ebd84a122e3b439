// Calls another service: plain HTTP, JSON, a time limit. The app knows nothing of the mesh.
import { Agent, request } from 'node:http';
import type { Environment } from './server.ts';

/** What came of a call. A service that cannot be reached has status 503, one that is too slow 504. */
export interface CallResult {
  readonly status: number;
  /** Parsed body of a 200 answer, else undefined. */
  readonly body: unknown;
  readonly error?: string | undefined;
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
/** Longest answer that is read, in bytes. */
const MAX_ANSWER = 1024 * 1024;

/** Address of a service: `<name>[.<SERVICES_DOMAIN>]:<port>`; `<NAME>_HOSTNAME` and `<NAME>_SERVICE_PORT` override. */
export function serviceUrl(name: string, env: Environment): string {
  const domain = env['SERVICES_DOMAIN'] ? `.${env['SERVICES_DOMAIN']}` : '';
  const upper = name.toUpperCase();
  const host = env[`${upper}_HOSTNAME`] ?? name;
  return `http://${host}${domain}:${env[`${upper}_SERVICE_PORT`] ?? '9080'}`;
}

/** GET of a JSON document; never throws. @param timeoutMs for the whole exchange */
export function getJson(url: string, headers: Record<string, string>, timeoutMs: number): Promise<CallResult> {
  return new Promise((resolve) => {
    const call = request(url, { agent, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER) call.destroy(new Error(`the answer is larger than ${MAX_ANSWER} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('end', () => resolve(toResult(response.statusCode ?? 500, Buffer.concat(chunks).toString('utf8'))));
    });
    const fail = (error: NodeJS.ErrnoException): void => {
      const late = error.name === 'TimeoutError' || error.name === 'AbortError';
      resolve({
        status: late ? 504 : 503,
        body: undefined,
        error: late ? `no answer within ${timeoutMs} ms` : error.message,
      });
    };
    call.on('error', fail);
    call.end();
  });
}

function toResult(status: number, text: string): CallResult {
  if (status !== 200) return { status, body: undefined, error: text.slice(0, 200) };
  try {
    return { status, body: JSON.parse(text) as unknown };
  } catch {
    return { status: 502, body: undefined, error: 'the answer is not JSON' };
  }
}
