// Sends every exchange to two servers and says where the answers differ.
import { request } from 'node:https';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type Exchange, exchanges } from './exchanges.ts';
import { normalise } from './normalise.ts';

export interface Caller {
  readonly url: URL;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Record<string, string> }[];
  readonly users: readonly { readonly user: Record<string, string> }[];
}

export function callerOf(kubeconfig: string): Caller {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
  const { cluster } = config.clusters[0]!;
  const { user } = config.users[0]!;
  const read = (from: Record<string, string>, name: string): Buffer =>
    from[`${name}-data`] === undefined ? readFileSync(from[name]!) : Buffer.from(from[`${name}-data`]!, 'base64');
  return {
    url: new URL(cluster['server']!),
    ca: read(cluster, 'certificate-authority'),
    cert: read(user, 'client-certificate'),
    key: read(user, 'client-key'),
  };
}

export interface Answer {
  readonly status: number;
  readonly warning: readonly string[];
  readonly body: unknown;
}

export async function send(caller: Caller, exchange: Exchange): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const body = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
  const outgoing = request(
    new URL(exchange.path, caller.url),
    {
      method: exchange.method,
      ca: caller.ca,
      cert: caller.cert,
      key: caller.key,
      agent: false,
      headers: {
        accept: exchange.accept ?? 'application/json',
        'user-agent': 'pairs/1',
        ...(body === undefined
          ? {}
          : { 'content-type': exchange.type ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    },
    (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        let parsed: unknown = text;
        try {
          parsed = JSON.parse(text);
        } catch {
          // Plain text, as of health checks.
        }
        const { warning } = incoming.headersDistinct;
        resolve({ status: incoming.statusCode ?? 0, warning: warning ?? [], body: normalise(parsed) });
      });
    },
  );
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

/** Creation of a CRD ends before its kind is served: the next exchange waits for it. */
export async function settle(caller: Caller, exchange: Exchange): Promise<void> {
  if (exchange.name !== 'create crd') return;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await send(caller, {
      name: '',
      method: 'GET',
      path: '/apis/pairs.example.com/v1/namespaces/pairs/gadgets',
    });
    if (answer.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('gadgets were not served within 10 s');
}

export interface Pair {
  readonly exchange: Exchange;
  readonly ours: Answer;
  readonly real: Answer;
}

export async function runPairs(ours: Caller, real: Caller): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (const exchange of exchanges) {
    const [a, b] = await Promise.all([send(ours, exchange), send(real, exchange)]);
    pairs.push({ exchange, ours: a, real: b });
    await Promise.all([settle(ours, exchange), settle(real, exchange)]);
  }
  return pairs;
}
