// App probes that the injector rewrote: kubelet asks the agent (15020, no mTLS), the agent asks the app as kubelet would.
import { lookup } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import { healthService } from '#wire/grpc.ts';
import { AgentConfigError } from '../environment/variables.ts';

/** One original probe or lifecycle handler, ports resolved to numbers. */
export interface AppProbe {
  readonly httpGet?: {
    readonly path?: string;
    readonly port: number;
    readonly host?: string;
    readonly scheme?: 'HTTP' | 'HTTPS';
    readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
  };
  readonly tcpSocket?: { readonly port: number; readonly host?: string };
  readonly grpc?: { readonly port: number; readonly service?: string };
  /** @default 1 */
  readonly timeoutSeconds?: number;
}

/** By path: `/app-health/<container>/livez`. */
export type AppProbes = ReadonlyMap<string, AppProbe>;

/** What kubelet gets. */
export interface ProbeAnswer {
  readonly status: number;
  readonly reason: string;
}

/** Source address of probes: the rules let it pass without the proxy. */
const PROBE_SOURCE = '127.0.0.6';
const MAX_REDIRECTS = 10;
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Reads ISTIO_KUBE_APP_PROBERS. */
export function readAppProbes(text: string | undefined): AppProbes {
  if (text === undefined || text === '') return new Map();
  if (text.length > MAX_CONFIG_BYTES)
    throw new AgentConfigError(`ISTIO_KUBE_APP_PROBERS of ${text.length} bytes; at most ${MAX_CONFIG_BYTES} are read`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AgentConfigError(`ISTIO_KUBE_APP_PROBERS is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null)
    throw new AgentConfigError('ISTIO_KUBE_APP_PROBERS is no JSON object');
  const probes = Object.entries(value as Record<string, AppProbe>);
  for (const [path, probe] of probes) {
    if (!/^\/app-(?:health|lifecycle)\/[^/]+\/(?:readyz|livez|startupz|prestopz|poststartz)$/.test(path)) {
      throw new AgentConfigError(
        `ISTIO_KUBE_APP_PROBERS names the path ${JSON.stringify(path)}, which is none of ours`,
      );
    }
    const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port ?? probe?.grpc?.port;
    if (!Number.isInteger(port)) throw new AgentConfigError(`ISTIO_KUBE_APP_PROBERS ${path} has no numeric port`);
  }
  return new Map(probes);
}

/** Asks the app. */
export async function runProbe(
  probe: AppProbe,
  address: string,
  source: string | undefined = PROBE_SOURCE,
): Promise<ProbeAnswer> {
  const timeoutMs = Math.max(1, probe.timeoutSeconds ?? 1) * 1000;
  try {
    if (probe.httpGet !== undefined) return await get(probe.httpGet, address, source, AbortSignal.timeout(timeoutMs));
    if (probe.tcpSocket !== undefined)
      return await dial(probe.tcpSocket.host ?? address, probe.tcpSocket.port, source, timeoutMs);
    if (probe.grpc !== undefined) return await check(address, probe.grpc, timeoutMs);
    return { status: 500, reason: 'the probe asks for nothing' };
  } catch (error) {
    return { status: 500, reason: (error as Error).message };
  }
}

async function get(
  probe: NonNullable<AppProbe['httpGet']>,
  address: string,
  source: string | undefined,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const path = probe.path ?? '/';
  let url = new URL(
    `${(probe.scheme ?? 'HTTP').toLowerCase()}://${probe.host || address}:${probe.port}${path.startsWith('/') ? '' : '/'}${path}`,
  );
  const headers: Record<string, string[]> = { 'user-agent': ['kube-probe/rigging'] };
  for (const { name, value } of probe.httpHeaders ?? []) {
    const key = name.toLowerCase();
    headers[key] = key === 'host' || key === 'user-agent' ? [value] : [...(headers[key] ?? []), value];
  }
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetchHead(url, headers, source, signal);
    const status = response.statusCode ?? 500;
    const location = response.headers.location;
    if (status < 300 || status >= 400 || location === undefined || redirects === MAX_REDIRECTS)
      return { status, reason: '' };
    const next = new URL(location, url);
    // To another host: kubelet calls that healthy and does not follow.
    if (next.hostname !== url.hostname) return { status: 200, reason: '' };
    url = next;
  }
}

async function fetchHead(
  url: URL,
  headers: Record<string, string[]>,
  source: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const options = {
    headers,
    signal,
    agent: false,
    rejectUnauthorized: false,
    localAddress: await localAddress(url.hostname, source),
  };
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(url, options as Parameters<typeof httpRequest>[1], (response) => {
      response.destroy();
      resolve(response);
    });
    request.on('error', reject);
    request.end();
  });
}

async function dial(host: string, port: number, source: string | undefined, timeoutMs: number): Promise<ProbeAnswer> {
  const bind = await localAddress(host, source);
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(bind === undefined ? {} : { localAddress: bind }) });
    const end = (status: number, reason: string): void => {
      socket.destroy();
      resolve({ status, reason });
    };
    socket.setTimeout(timeoutMs, () => end(500, `no connection to port ${port} within ${timeoutMs} ms`));
    socket.on('connect', () => end(200, ''));
    socket.on('error', (error) => end(500, error.message));
  });
}

function check(address: string, probe: NonNullable<AppProbe['grpc']>, timeoutMs: number): Promise<ProbeAnswer> {
  const { path, requestSerialize, responseDeserialize } = healthService.Check;
  const client = new Client(`${address}:${probe.port}`, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  return new Promise((resolve) => {
    const deadline = { deadline: Date.now() + timeoutMs };
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service: probe.service ?? '' },
      deadline,
      (error, answer) => {
        client.close();
        if (error !== null) resolve({ status: 500, reason: error.details });
        else if (String(answer?.status) === 'SERVING' || String(answer?.status) === '1')
          resolve({ status: 200, reason: '' });
        else resolve({ status: 500, reason: `the app says ${String(answer?.status)}` });
      },
    );
  });
}

/** A loopback source reaches only addresses of this machine; other hosts are asked from wherever the route says. */
async function localAddress(host: string, source: string | undefined): Promise<string | undefined> {
  if (source === undefined) return undefined;
  const { address, family } = await lookup(host);
  return family === 4 && address !== '' ? source : undefined;
}
