// Bounded load on a mesh: a steady rate of requests, every failure kept with its reason.
import { Agent, request } from 'node:http';

export interface LoadResult {
  readonly sent: number;
  readonly failures: readonly string[];
}

export interface Load {
  /** Stops sending, waits for what is in flight, and tells what happened. */
  stop(): Promise<LoadResult>;
  /** Requests answered so far. */
  answered(): number;
}

/** One GET; rejects where no whole answer comes. */
export function fetchOnce(
  url: string,
  agent: Agent,
  headers: Record<string, string> = {},
  timeoutMs = 30_000,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, headers, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.on('error', reject);
    call.end();
  });
}

/** Sends `perSecond` requests each second (at most `limit` in all); an answer other than 200 is a failure. */
export function startLoad(
  url: string,
  options: { perSecond: number; limit?: number; headers?: Record<string, string>; retryIdleReset?: boolean },
): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const limit = options.limit ?? options.perSecond * 120;
  const failures: string[] = [];
  const open = new Set<Promise<void>>();
  let sent = 0;
  let answered = 0;
  const startedAt = Date.now();
  const send = (): void => {
    sent++;
    const number = sent;
    const at = new Date().toISOString();
    const one: Promise<void> = fetchOnce(url, agent, options.headers)
      .then(({ status, body }) => {
        answered++;
        if (status !== 200) failures.push(`request ${number} at ${at}: ${status} ${body.slice(0, 200)}`);
      })
      .catch((error: Error) => void failures.push(`request ${number} at ${at}: ${error.message}`))
      .finally(() => void open.delete(one));
    open.add(one);
  };
  const timer = setInterval(() => {
    const due = Math.min(limit, Math.floor(((Date.now() - startedAt) / 1000) * options.perSecond));
    // What a busy machine could not send in time is not made up for in one burst.
    for (let burst = 0; sent < due && burst < 20; burst++) send();
  }, 5);
  return {
    answered: () => answered,
    async stop() {
      clearInterval(timer);
      while (open.size > 0) await Promise.all(open);
      agent.destroy();
      return { sent, failures };
    },
  };
}
