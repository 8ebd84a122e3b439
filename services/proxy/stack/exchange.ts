// One request and its response: passes the layers, finds its route, and hands over to the router. Also the record that
// access logs and metrics are written from.
import { needleOf, type RequestHead, type ResponseHead } from '#lib/http/head.ts';
import type { Framing } from '#lib/http/framing.ts';
import type { AccessRecord } from '#lib/telemetry/access-log.ts';
import type { RouteMatch } from '#lib/match/routes.ts';
import type { HttpConfig } from '../config/http-config.ts';
import { applyHeaderOps } from '../route/header-ops.ts';
import type { RoutePlan } from '../route/plan.ts';
import { redirectOf } from '../route/rewrite.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { ConnectionInfo } from './connection-info.ts';
import type { ProxyContext } from './context.ts';
import type { Downstream } from './downstream.ts';
import { failure, type LocalReply } from './layer.ts';
import { replyHead } from './local-reply.ts';
import { admitRequest } from './request-headers.ts';
import { finishResponseHead } from './response-headers.ts';
import { Router } from './router.ts';

const NONE: Framing = { kind: 'none' };

export class Exchange implements AccessRecord {
  readonly context: ProxyContext;
  readonly config: HttpConfig;
  readonly connection: ConnectionInfo;
  readonly down: Downstream;
  readonly head: RequestHead;
  readonly framing: Framing;
  readonly protocol: string;
  /** Lower-case protocol that the request asks to switch to. */
  readonly upgrade: string | undefined;
  readonly startMs: number;
  durationMs = 0;
  /** As the client sent them, for logs and metrics. */
  readonly method: string;
  path: string;
  authority: string;
  scheme: 'http' | 'https';
  requestId: string | undefined;
  status = 0;
  responseFlags = '-';
  responseCodeDetails: string | undefined;
  terminationDetails: string | undefined;
  upstreamFailure: string | undefined;
  bytesReceived = 0;
  bytesSent = 0;
  upstreamServiceMs: number | undefined;
  upstreamLocalAddress: string | undefined;
  responseHead: ResponseHead | undefined;
  match: RouteMatch | undefined;
  plan: RoutePlan | undefined;
  cluster: Cluster | undefined;
  endpoint: Endpoint | undefined;
  /** URI SANs of the upstream's certificate. */
  upstreamUris: readonly string[] = [];
  /** Telemetry's knowledge of the other side; kept by the peer-metadata layer. */
  peer: unknown;
  /** The peer asked for our metadata. */
  peerAsked = false;
  grpcStatus: number | undefined;
  isGrpc = false;
  /** Request head bytes, for byte metrics. */
  readonly requestHeadBytes: number;
  responseHeadBytes = 0;
  setCookie: string | undefined;
  readonly #router: Router;
  #state: 'layers' | 'routing' | 'responding' | 'done' = 'layers';
  #held: Buffer[] = [];
  #heldEnd = false;

  constructor(
    context: ProxyContext,
    config: HttpConfig,
    connection: ConnectionInfo,
    down: Downstream,
    head: RequestHead,
    framing: Framing,
    protocol: string,
    upgrade: string | undefined,
  ) {
    this.context = context;
    this.config = config;
    this.connection = connection;
    this.down = down;
    this.head = head;
    this.framing = framing;
    this.protocol = protocol;
    this.upgrade = upgrade;
    this.startMs = Date.now();
    this.method = head.method;
    this.path = head.path;
    this.authority = head.authority;
    this.scheme = connection.tls === undefined ? 'http' : 'https';
    this.requestHeadBytes = head.text.length + 2;
    this.#router = new Router(this);
    context.active++;
  }

  get requestHead(): RequestHead {
    return this.head;
  }
  get routeName(): string | undefined {
    return this.plan?.name;
  }
  get upstreamCluster(): string | undefined {
    return this.cluster?.name;
  }
  get upstreamHost(): string | undefined {
    return this.endpoint?.key;
  }
  get downstreamLocalAddress(): string {
    return this.connection.local;
  }
  get downstreamRemoteAddress(): string {
    return this.connection.remote;
  }
  get requestedServerName(): string | undefined {
    return this.connection.serverName;
  }
  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** For matchers: value of a request header or pseudo-header by lower-case name. */
  header(name: string): string | undefined {
    if (name.charCodeAt(0) !== 58) return this.head.find(needleOf(name));
    switch (name) {
      case ':authority':
        return this.head.authority;
      case ':path':
        return this.head.path;
      case ':method':
        return this.method;
      case ':scheme':
        return this.scheme;
      default:
        return undefined;
    }
  }

  /** The head has come; `end`: no body follows. */
  begin(end: boolean): void {
    this.#heldEnd = end;
    const refusal = admitRequest(this);
    if (refusal?.details !== 'path_normalization_failed') this.#findRoute();
    if (refusal !== undefined) return this.reply(refusal);
    this.#runLayers(0);
  }

  #findRoute(): void {
    const table = this.config.routes.current;
    if (table === undefined) return;
    const match = table.compiled.match(
      {
        authority: this.head.authority,
        path: this.head.path,
        method: this.method,
        scheme: this.scheme,
        header: (name) => this.header(name),
      },
      this.context.random(),
    );
    if (match === undefined) return;
    this.match = match;
    this.plan = table.plan(match);
    if (match.cluster !== undefined) this.cluster = this.context.clusters.get(match.cluster);
  }

  #runLayers(from: number): void {
    const { layers } = this.config;
    for (let index = from; index < layers.length; index++) {
      const verdict = layers[index]?.onRequest?.(this);
      if (verdict === undefined) continue;
      if (verdict instanceof Promise) {
        this.down.pauseRequest();
        verdict.then(
          (late) => {
            if (this.#state !== 'layers') return;
            this.down.resumeRequest();
            if (late === undefined) this.#runLayers(index + 1);
            else this.reply(late);
          },
          (error: Error) => {
            if (this.#state === 'layers') this.reply(failure(500, '', `layer_error{${error.message}}`));
          },
        );
        return;
      }
      return this.reply(verdict);
    }
    this.#route();
  }

  #route(): void {
    const { plan, match } = this;
    if (plan === undefined || match === undefined) return this.reply(failure(404, 'NR', 'route_not_found'));
    if (match.action === 'redirect') {
      const { status, location } = redirectOf(plan, this.scheme, this.head.authority, this.head.path);
      return this.reply({ status, body: '', flag: '', details: 'direct_response', headers: [['location', location]] });
    }
    if (match.action === 'directResponse' && plan.directResponse !== undefined) {
      const { status, body } = plan.directResponse;
      // As Envoy: what was "created" is where the client asked for it.
      const headers =
        status === 201 ? ([['location', `${this.scheme}://${this.head.authority}${this.head.path}`]] as const) : [];
      return this.reply({ status, body, flag: '', details: 'direct_response', headers });
    }
    if (this.cluster === undefined) return this.reply(failure(plan.clusterNotFoundStatus, 'NC', 'cluster_not_found'));
    this.#state = 'routing';
    const held = this.#held;
    this.#held = [];
    this.#router.start(plan, this.cluster, held, this.#heldEnd);
  }

  /** More of the request's body, framed as the downstream frames it (or not, if the upstream wants payload). */
  onRequestData(data: Buffer, end: boolean, payloadBytes: number): void {
    this.bytesReceived += payloadBytes;
    if (this.#state === 'routing' || this.#state === 'responding') this.#router.onRequestData(data, end);
    else if (this.#state === 'layers') {
      this.#held.push(data);
      this.#heldEnd = end;
      this.down.pauseRequest();
    }
  }

  /** The client went away. */
  onDownstreamClose(): void {
    if (this.#state === 'done') return;
    this.flag('DC');
    this.responseCodeDetails ??= 'downstream_remote_disconnect';
    this.#router.cancel();
    this.#end();
  }

  onDownstreamDrain(): void {
    this.#router.resumeResponse();
  }

  flag(flag: string): void {
    if (flag === '') return;
    this.responseFlags = this.responseFlags === '-' ? flag : `${this.responseFlags},${flag}`;
  }

  /** Answers from here; after a response has begun all that is left is to cut it off. */
  reply(local: LocalReply): void {
    if (this.#state === 'done') return;
    this.flag(local.flag);
    this.responseCodeDetails = local.details;
    this.#router.cancel();
    if (this.#state === 'responding') {
      this.down.abort();
      return this.#end();
    }
    this.#state = 'responding';
    const { head, body } = replyHead(this, local);
    this.status = local.status;
    this.responseHead = head;
    for (const layer of this.config.layers) layer.onResponse?.(this);
    if (local.isPlain !== true) this.#applyResponseOps(head);
    finishResponseHead(this, head);
    this.responseHeadBytes = head.text.length + 2;
    const payload = this.method === 'HEAD' || body.length === 0 ? undefined : body;
    this.bytesSent += payload?.length ?? 0;
    this.down.sendHead(head, payload === undefined ? NONE : { kind: 'length', bytes: payload.length }, payload, true);
    this.#end();
  }

  /** The upstream's answer begins. False: hold the rest back until `resumeResponse`. */
  respond(head: ResponseHead, framing: Framing, body: Buffer | undefined, end: boolean, payloadBytes: number): boolean {
    if (this.#state === 'done') return true;
    this.#state = 'responding';
    this.#prepareResponse(head);
    this.bytesSent += payloadBytes;
    const flushed = this.down.sendHead(head, framing, body, end);
    if (end) this.#end();
    return flushed;
  }

  #prepareResponse(head: ResponseHead): void {
    this.status = head.status;
    this.responseHead = head;
    this.responseCodeDetails ??= 'via_upstream';
    this.upstreamServiceMs = Date.now() - this.startMs;
    for (const layer of this.config.layers) layer.onResponse?.(this);
    this.#applyResponseOps(head);
    finishResponseHead(this, head);
    this.responseHeadBytes = head.text.length + 2;
  }

  respondData(data: Buffer, end: boolean, trailers: string, payloadBytes: number): boolean {
    if (this.#state === 'done') return true;
    this.bytesSent += payloadBytes;
    const flushed = this.down.sendData(data, end, trailers);
    if (end) this.#end();
    return flushed;
  }

  /** Both sides switched protocols; the exchange ends when the tunnel does. */
  respondUpgrade(head: ResponseHead, tell: () => void): void {
    this.#state = 'responding';
    this.#prepareResponse(head);
    tell();
  }

  endTunnel(bytesReceived: number, bytesSent: number): void {
    this.bytesReceived += bytesReceived;
    this.bytesSent += bytesSent;
    this.#end();
  }

  #applyResponseOps(head: ResponseHead): void {
    const { plan, match } = this;
    if (plan === undefined) return;
    const weighted = plan.weighted[match?.weightedIndex ?? -1]?.response;
    if (weighted !== undefined) applyHeaderOps(weighted, head, this);
    for (const ops of plan.responseOps) applyHeaderOps(ops, head, this);
    if (this.setCookie !== undefined) head.append('set-cookie', this.setCookie);
  }

  #end(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.context.active--;
    this.durationMs = Date.now() - this.startMs;
    for (const layer of this.config.layers) layer.onEnd?.(this);
    for (const format of this.config.accessLogs) this.context.writeAccess(format(this));
  }
}
