// Sends a copy of a request to another cluster and forgets the answer. Requests with a body that is not all there yet are
// not mirrored.
import type { UpstreamHandler } from '../upstream/http1-connection.ts';
import type { Exchange } from './exchange.ts';

const MAX_MIRROR_MS = 15_000;

export function mirrorRequest(exchange: Exchange, clusterName: string, head: string, body: readonly Buffer[]): void {
  const cluster = exchange.context.clusters.get(clusterName);
  const endpoint = cluster?.pick(undefined);
  if (cluster === undefined || endpoint === undefined) return;
  if (cluster.activeRequests >= cluster.config.limits.maxRequests) return;
  let upstream: ReturnType<typeof cluster.open>;
  try {
    upstream = cluster.takeIdle(endpoint, Date.now()) ?? cluster.open(endpoint);
  } catch {
    return;
  }
  cluster.activeRequests++;
  endpoint.active++;
  const timer = setTimeout(() => upstream.destroy(), MAX_MIRROR_MS);
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    cluster.activeRequests--;
    endpoint.active--;
  };
  const handler: UpstreamHandler = {
    method: exchange.method,
    wantsPayload: false,
    onResponse: (_head, _framing, _body, isEnd) => isEnd && end(),
    onData: (_data, isEnd) => isEnd && end(),
    onUpgrade: (_head, socket) => {
      socket.destroy();
      end();
    },
    onReset: end,
    onDrain: () => {},
  };
  upstream.send(handler, shadowed(head) + '\r\n', body.length === 0 ? undefined : Buffer.concat(body), true);
}

/** Envoy marks the copy in its authority: `host-shadow`. */
function shadowed(head: string): string {
  return head.replace(/\r\nhost: ?([^\r:]*)/i, '\r\nhost: $1-shadow');
}
