// The last layer: picks an endpoint, sends the request, tries again where the route allows it, and passes the answer back.
import type { Socket } from 'node:net';
import type { Framing } from '#lib/http/framing.ts';
import { needleOf, type ResponseHead } from '#lib/http/head.ts';
import { requestHash } from '../route/hash.ts';
import type { RoutePlan } from '../route/plan.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { ResetReason, UpstreamHandler, UpstreamStream } from '../upstream/http1-connection.ts';
import type { Exchange } from './exchange.ts';
import { failure } from './layer.ts';
import { mirrorRequest } from './mirror.ts';
import { connectBody, reasonText, resetReply } from './upstream-failure.ts';
import { upstreamHead } from './upstream-head.ts';
import { isIdempotent, retriesOnReset, retriesOnStatus } from './retry.ts';

/** Largest request body kept for another try. */
const MAX_REPLAY_BYTES = 64 * 1024;
const CRLF = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
/** How long a request waits for the first endpoints of a new cluster. */
const WARM_MS = 3_000;
const GRPC_STATUS = needleOf('grpc-status');

export class Router implements UpstreamHandler {
  readonly #exchange: Exchange;
  #plan!: RoutePlan;
  #cluster!: Cluster;
  #hash: number | undefined;
  #upstream: UpstreamStream | undefined;
  /** The client's body comes without framing and the upstream needs chunks. */
  #chunks = false;
  #endpoint: Endpoint | undefined;
  #head = '';
  #body: Buffer[] = [];
  #bodyBytes = 0;
  #replayable = true;
  #requestEnded = false;
  #attempts = 0;
  #tried: Set<Endpoint> | undefined;
  /** A kept connection was just found dead: others may be too. */
  #wantsFresh = false;
  #warmed = false;
  #timer: NodeJS.Timeout | undefined;
  #tryTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #isRetry = false;
  #counted = false;
  #responding = false;
  #done = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get method(): string {
    return this.#exchange.method;
  }
  get wantsPayload(): boolean {
    return this.#exchange.down.wantsPayload;
  }

  start(plan: RoutePlan, cluster: Cluster, held: readonly Buffer[], end: boolean): void {
    this.#plan = plan;
    this.#cluster = cluster;
    this.#requestEnded = end;
    for (const data of held) this.#keep(data);
    const exchange = this.#exchange;
    if (plan.hash.length > 0) {
      const { hash, setCookie } = requestHash(
        plan.hash,
        {
          header: (name) => exchange.header(name),
          path: exchange.head.path,
          sourceAddress: exchange.connection.remoteAddress,
        },
        exchange.context.newId,
      );
      this.#hash = hash;
      exchange.setCookie = setCookie;
    }
    this.#head = upstreamHead(exchange, plan);
    if (plan.timeoutMs > 0 && exchange.upgrade === undefined) {
      this.#timer = setTimeout(() => this.#timeout('UT', 'response_timeout'), plan.timeoutMs);
    }
    for (const mirror of plan.mirrors) {
      if (end && exchange.context.random() < mirror.fraction) mirrorRequest(exchange, mirror.cluster, this.#head, held);
    }
    this.#attempt();
  }

  #attempt(): void {
    const exchange = this.#exchange;
    const cluster = this.#cluster;
    const { limits } = cluster.config;
    if (cluster.activeRequests >= limits.maxRequests) return this.#overflow();
    const endpoint = this.#pick();
    if (endpoint === undefined) {
      this.#endpoint = undefined;
      // A cluster that was just announced: its endpoints are on their way.
      if (cluster.isWarming && !this.#warmed) return this.#awaitEndpoints();
      return this.#finish(failure(503, 'UH', 'no_healthy_upstream', 'no healthy upstream'));
    }
    const http2 = cluster.speaksHttp2(exchange.protocol);
    let upstream: UpstreamStream | undefined =
      this.#wantsFresh || http2 ? undefined : cluster.takeIdle(endpoint, Date.now());
    if (upstream === undefined) {
      if (!http2 && cluster.connections >= limits.maxConnections && cluster.connections - countIdle(cluster) > 0)
        return this.#queue();
      try {
        upstream = http2 ? cluster.openHttp2(endpoint) : cluster.open(endpoint);
      } catch (error) {
        exchange.upstreamFailure = (error as Error).message;
        return this.#finish(
          failure(
            503,
            'UF',
            `upstream_reset_before_response_started{${reasonText((error as Error).message)}}`,
            connectBody((error as Error).message),
          ),
        );
      }
    }
    this.#endpoint = endpoint;
    this.#upstream = upstream;
    this.#attempts++;
    this.#count(endpoint);
    exchange.endpoint = endpoint;
    const { perTryTimeoutMs } = this.#plan.retry ?? NO_RETRY;
    if (perTryTimeoutMs > 0) this.#tryTimer = setTimeout(() => this.#tryTimeout(), perTryTimeoutMs);
    const attempt = this.#plan.attemptCount ? `x-envoy-attempt-count: ${this.#attempts}\r\n` : '';
    this.#chunks = upstream.framesBody && exchange.framing.kind === 'close';
    const encoding = this.#chunks ? 'transfer-encoding: chunked\r\n' : '';
    const plain =
      this.#body.length === 0 ? undefined : this.#body.length === 1 ? this.#body[0] : Buffer.concat(this.#body);
    if (
      !upstream.send(
        this,
        `${this.#head}${attempt}${encoding}\r\n`,
        this.#framed(plain, this.#requestEnded),
        this.#requestEnded,
      )
    )
      exchange.down.pauseRequest();
    else if (!this.#requestEnded) exchange.down.resumeRequest();
    if (!this.#replayable) this.#body = [];
  }

  #awaitEndpoints(): void {
    this.#warmed = true;
    this.#cluster.warming.add(this.#dequeue);
    this.#retryTimer = setTimeout(() => {
      this.#cluster.warming.delete(this.#dequeue);
      this.#dequeue();
    }, WARM_MS);
  }

  /** A body without framing as chunks, where the upstream needs them. */
  #framed(data: Buffer | undefined, end: boolean): Buffer | undefined {
    if (!this.#chunks) return data;
    const parts: Buffer[] = [];
    if (data !== undefined && data.length > 0) parts.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, CRLF);
    if (end) parts.push(LAST_CHUNK);
    return Buffer.concat(parts);
  }

  #pick(): Endpoint | undefined {
    const { connection } = this.#exchange;
    if (this.#cluster.config.discovery === 'original-dst') {
      return this.#cluster.originalDestination(connection.localAddress, connection.localPort);
    }
    const tried = this.#tried;
    return this.#cluster.pick(this.#hash, tried === undefined ? undefined : (endpoint) => tried.has(endpoint));
  }

  #count(endpoint: Endpoint): void {
    this.#counted = true;
    this.#cluster.activeRequests++;
    this.#cluster.counters.requests++;
    endpoint.active++;
    endpoint.requests++;
  }

  #uncount(): void {
    clearTimeout(this.#tryTimer);
    if (!this.#counted || this.#endpoint === undefined) return;
    this.#counted = false;
    this.#cluster.activeRequests--;
    this.#endpoint.active--;
    if (this.#isRetry) {
      this.#isRetry = false;
      this.#cluster.activeRetries--;
    }
  }

  #queue(): void {
    const cluster = this.#cluster;
    if (cluster.waiting.size >= cluster.config.limits.maxPendingRequests) return this.#overflow();
    cluster.waiting.add(this.#dequeue);
  }

  readonly #dequeue = (): void => {
    clearTimeout(this.#retryTimer);
    if (!this.#done) this.#attempt();
  };

  #overflow(): void {
    this.#cluster.counters.pendingOverflow++;
    this.#finish({
      ...failure(
        503,
        'UO',
        'upstream_reset_before_response_started{overflow}',
        'upstream connect error or disconnect/reset before headers. reset reason: overflow',
      ),
      headers: [['x-envoy-overloaded', 'true']],
    });
  }

  #keep(data: Buffer): void {
    if (data.length === 0) return;
    this.#body.push(data);
    this.#bodyBytes += data.length;
    if (this.#bodyBytes > MAX_REPLAY_BYTES) this.#replayable = false;
  }

  onRequestData(data: Buffer, end: boolean): void {
    this.#requestEnded = end;
    const upstream = this.#upstream;
    if (upstream === undefined) {
      this.#keep(data);
      if (this.#bodyBytes > MAX_REPLAY_BYTES) this.#exchange.down.pauseRequest();
      return;
    }
    if (this.#replayable) {
      this.#keep(data);
      if (!this.#replayable) this.#body = [];
    }
    if (!upstream.sendBody(this.#framed(data, end), end)) this.#exchange.down.pauseRequest();
  }

  onDrain(): void {
    this.#exchange.down.resumeRequest();
  }

  resumeResponse(): void {
    this.#upstream?.resume();
  }

  onResponse(head: ResponseHead, framing: Framing, body: Buffer | undefined, end: boolean, payloadBytes: number): void {
    const exchange = this.#exchange;
    const upstream = this.#upstream;
    clearTimeout(this.#tryTimer);
    const endpoint = this.#endpoint;
    if (endpoint !== undefined) this.#cluster.outlier?.onStatus(endpoint, head.status);
    const { retry } = this.#plan;
    if (retry !== undefined && retriesOnStatus(retry, head.status, head.find(GRPC_STATUS)) && this.#mayRetry()) {
      this.#uncount();
      if (!end) this.#dropUpstream();
      this.#upstream = undefined;
      return this.#retry();
    }
    this.#responding = true;
    if (upstream !== undefined) {
      exchange.upstreamLocalAddress = upstream.localAddress;
      exchange.upstreamUris = upstream.peerUris();
    }
    if (exchange.isGrpc) noteGrpcStatus(exchange, head.find(GRPC_STATUS));
    if (end) this.#complete();
    if (!exchange.respond(head, framing, body, end, payloadBytes)) this.#upstream?.pause();
  }

  onData(data: Buffer, end: boolean, trailers: string, payloadBytes: number): void {
    const exchange = this.#exchange;
    if (end) {
      if (exchange.isGrpc && trailers !== '')
        noteGrpcStatus(exchange, /(?:^|\n)grpc-status:\s*(\d+)/i.exec(trailers)?.[1]);
      this.#complete();
    }
    if (!exchange.respondData(data, end, trailers, payloadBytes)) this.#upstream?.pause();
  }

  onUpgrade(head: ResponseHead, socket: Socket, rest: Buffer | undefined): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#tryTimer);
    this.#responding = true;
    this.#upstream = undefined;
    this.#exchange.respondUpgrade(head, () => this.#exchange.down.upgrade(head, socket, rest));
    socket.once('close', () => this.#complete());
  }

  onReset(reason: ResetReason, detail: string, beforeResponse: boolean): void {
    const exchange = this.#exchange;
    const upstream = this.#upstream;
    const endpoint = this.#endpoint;
    const { counters } = this.#cluster;
    this.#uncount();
    this.#upstream = undefined;
    if (endpoint !== undefined) {
      endpoint.errors++;
      if (reason === 'connect-failure' || reason === 'connect-timeout') {
        endpoint.connectFailures++;
        counters.connectFailures++;
      } else counters.resets++;
    }
    if (this.#responding) {
      exchange.flag('UC');
      exchange.responseCodeDetails = 'upstream_reset_after_response_started{connection_termination}';
      return this.#finish(failure(502, '', exchange.responseCodeDetails));
    }
    // A kept connection that the server closed just now says nothing about the server: once more, on a new one.
    const stale = reason === 'reset' && beforeResponse && upstream !== undefined && upstream.uses > 1;
    if (stale && this.#canReplay() && isIdempotent(exchange.method)) {
      this.#wantsFresh = true;
      this.#attempts--;
      return this.#attempt();
    }
    if (endpoint !== undefined) this.#cluster.outlier?.onLocalFailure(endpoint);
    exchange.upstreamFailure =
      exchange.upstreamFailure ?? (detail === 'connection termination' ? undefined : detail || undefined);
    const { retry } = this.#plan;
    if (retry !== undefined && retriesOnReset(retry, reason) && this.#mayRetry()) return this.#retry();
    this.#finish(resetReply(reason, detail, this.#attempts > 1));
  }

  #canReplay(): boolean {
    return this.#replayable;
  }

  #mayRetry(): boolean {
    const { retry } = this.#plan;
    if (retry === undefined || !this.#canReplay() || this.#attempts > retry.attempts) return false;
    if (this.#cluster.activeRetries < this.#cluster.config.limits.maxRetries) return true;
    this.#exchange.flag('UO');
    return false;
  }

  #retry(): void {
    const { retry } = this.#plan;
    if (retry === undefined) return;
    if (this.#endpoint !== undefined && retry.avoidsPreviousHosts) {
      this.#tried ??= new Set();
      this.#tried.add(this.#endpoint);
    }
    this.#cluster.counters.retries++;
    this.#cluster.activeRetries++;
    this.#isRetry = true;
    const ceiling = Math.min(retry.maxBackoffMs, retry.baseBackoffMs * (2 ** this.#attempts - 1));
    this.#retryTimer = setTimeout(
      () => {
        this.#retryTimer = undefined;
        this.#attempt();
      },
      Math.floor(this.#exchange.context.random() * ceiling),
    );
  }

  #tryTimeout(): void {
    const endpoint = this.#endpoint;
    this.#cluster.counters.timeouts++;
    this.#uncount();
    this.#dropUpstream();
    if (endpoint !== undefined) this.#cluster.outlier?.onLocalFailure(endpoint);
    const { retry } = this.#plan;
    if (
      retry !== undefined &&
      (retry.on.has('5xx') || retry.on.has('gateway-error') || retry.statusCodes.has(504)) &&
      this.#mayRetry()
    )
      return this.#retry();
    this.#finish(failure(504, 'UT', 'upstream_per_try_timeout', 'upstream request timeout'));
  }

  #timeout(flag: string, details: string): void {
    this.#cluster.counters.timeouts++;
    if (this.#endpoint !== undefined && !this.#responding) this.#cluster.outlier?.onLocalFailure(this.#endpoint);
    this.#finish(failure(504, flag, details, 'upstream request timeout'));
  }

  #dropUpstream(): void {
    const upstream = this.#upstream;
    this.#upstream = undefined;
    upstream?.cancel();
  }

  #complete(): void {
    this.#done = true;
    this.#uncount();
    clearTimeout(this.#timer);
    // Free already: it went back to its pool before we were told.
    if (this.#requestEnded) this.#upstream = undefined;
    else this.#dropUpstream();
  }

  #finish(reply: ReturnType<typeof failure>): void {
    this.cancel();
    this.#exchange.reply(reply);
  }

  /** Nobody waits for an answer any more. */
  cancel(): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retryTimer);
    if (this.#isRetry && !this.#counted) {
      this.#isRetry = false;
      this.#cluster.activeRetries--;
    }
    this.#uncount();
    this.#cluster?.waiting.delete(this.#dequeue);
    this.#cluster?.warming.delete(this.#dequeue);
    this.#dropUpstream();
  }
}

const NO_RETRY = { perTryTimeoutMs: 0 };

function countIdle(cluster: Cluster): number {
  let idle = 0;
  for (const endpoint of cluster.endpoints.values()) idle += endpoint.idle.length;
  return idle;
}

function noteGrpcStatus(exchange: Exchange, status: string | undefined): void {
  if (status !== undefined) exchange.grpcStatus = Number(status);
}
