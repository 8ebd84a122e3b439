// What the connection manager does to a request's head before it is routed: path, Host, forwarding and tracing headers.
import { needleOf } from '#lib/http/head.ts';
import { clientCertHeader } from './client-cert.ts';
import type { Exchange } from './exchange.ts';
import type { LocalReply } from './layer.ts';

const REQUEST_ID = needleOf('x-request-id');
const FORWARDED_PROTO = needleOf('x-forwarded-proto');
const FORWARDED_FOR = needleOf('x-forwarded-for');
const FORWARDED_CERT = needleOf('x-forwarded-client-cert');
const ENVOY = '\r\nx-envoy-';
const CONTENT_TYPE = needleOf('content-type');
/** Headers that steer Envoy's router; from outside the mesh they are not obeyed. */
const INTERNAL_ONLY = [
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-decorator-operation',
  'x-envoy-original-dst-host',
].map(needleOf);

/** Changes the head in place. A reply refuses the request. */
export function admitRequest(exchange: Exchange): LocalReply | undefined {
  const { head, config } = exchange;
  if (head.minor === 0 && exchange.protocol === 'HTTP/1.0' && !config.acceptHttp10) {
    return { status: 426, body: 'Upgrade Required', flag: 'DPE', details: 'low_version', isPlain: true };
  }
  if (exchange.upgrade !== undefined && !config.upgrades.has(exchange.upgrade)) {
    if (exchange.upgrade !== 'h2c') return { status: 403, body: '', flag: '', details: 'upgrade_failed' };
    head.remove('upgrade');
  }
  const refusal = normalisePath(exchange);
  if (refusal !== undefined) return refusal;
  if (config.stripTrailingHostDot && head.authority.endsWith('.')) setAuthority(exchange, head.authority.slice(0, -1));
  if (config.stripPort) setAuthority(exchange, head.authority.replace(/:\d+$/, ''));
  const contentType = head.find(CONTENT_TYPE);
  exchange.isGrpc = contentType !== undefined && /^application\/grpc(?:$|[+;])/.test(contentType);
  forward(exchange);
  forwardClientCert(exchange);
  requestId(exchange);
  return undefined;
}

export function setAuthority(exchange: Exchange, authority: string): void {
  exchange.head.authority = authority;
  exchange.head.set('host', authority);
}

function normalisePath(exchange: Exchange): LocalReply | undefined {
  const { head, config } = exchange;
  let path = head.path;
  if (path.includes('#')) path = path.slice(0, path.indexOf('#'));
  if (config.normalizePath && NEEDS_NORMALISATION.test(path)) {
    const normal = normalise(path);
    if (normal === undefined) return { status: 400, body: '', flag: '', details: 'path_normalization_failed' };
    path = normal;
  }
  if (config.mergeSlashes && path.includes('//')) {
    const query = path.indexOf('?');
    const bare = query < 0 ? path : path.slice(0, query);
    path = bare.replace(/\/{2,}/g, '/') + (query < 0 ? '' : path.slice(query));
  }
  if (path !== head.path) setPath(exchange, path);
  return undefined;
}

export function setPath(exchange: Exchange, path: string): void {
  const { head } = exchange;
  head.path = path;
  head.setStartLine(`${head.method} ${path} HTTP/1.${head.minor}`);
}

const NEEDS_NORMALISATION = /\/\.|\\|%/;

/** RFC 3986 section 6 on the path part: dot segments out, unreserved characters unescaped, backslash is a slash. */
function normalise(path: string): string | undefined {
  const query = path.indexOf('?');
  const bare = (query < 0 ? path : path.slice(0, query)).replaceAll('\\', '/');
  if (/%(?![0-9a-f]{2})/i.test(bare) || /%00/.test(bare)) return undefined;
  const unescaped = bare.replace(/%[0-9a-f]{2}/gi, (octet) => {
    const char = String.fromCharCode(Number.parseInt(octet.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(char) ? char : octet.toUpperCase();
  });
  const out: string[] = [];
  const segments = unescaped.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    if (segment === '..') out.pop();
    else if (segment !== '.') {
      out.push(segment);
      continue;
    }
    if (index === segments.length - 1) out.push('');
  }
  return `/${out.join('/')}${query < 0 ? '' : path.slice(query)}`;
}

/** x-forwarded-for, x-forwarded-proto and, at the edge, no headers that only the mesh may send. */
function forward(exchange: Exchange): void {
  const { head, config, connection } = exchange;
  if (config.useRemoteAddress) {
    const before = head.find(FORWARDED_FOR);
    head.set(
      'x-forwarded-for',
      before === undefined ? connection.remoteAddress : `${before},${connection.remoteAddress}`,
    );
    if (head.lower.includes(ENVOY)) for (const needle of INTERNAL_ONLY) head.cut(needle);
    if (isPrivate(connection.remoteAddress) && before === undefined) head.set('x-envoy-internal', 'true');
    else head.set('x-envoy-external-address', connection.remoteAddress);
    if (config.xffTrustedHops === 0) {
      head.set('x-forwarded-proto', exchange.scheme);
      return;
    }
  }
  const proto = head.find(FORWARDED_PROTO);
  if (proto === 'http' || proto === 'https') exchange.scheme = proto;
  else if (proto === undefined) head.append('x-forwarded-proto', exchange.scheme);
}

function isPrivate(address: string): boolean {
  return /^(?:10\.|127\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|::1$|f[cd])/.test(address);
}

function forwardClientCert(exchange: Exchange): void {
  const { head, config, connection } = exchange;
  const mode = config.forwardClientCert;
  if (mode === 'always-forward-only' || (mode === 'forward-only' && connection.tls?.fingerprint)) return;
  const before = head.find(FORWARDED_CERT);
  if (before !== undefined && (mode !== 'append-forward' || !connection.tls?.fingerprint)) head.cut(FORWARDED_CERT);
  if (mode === 'sanitize' || mode === 'forward-only' || !connection.tls?.fingerprint) return;
  const element = clientCertHeader(connection.tls, config.setClientCert);
  const appends = mode === 'append-forward' && before !== undefined;
  head.set('x-forwarded-client-cert', appends ? `${before},${element}` : element);
}

function requestId(exchange: Exchange): void {
  const { head, config } = exchange;
  const given = head.find(REQUEST_ID);
  const keeps = given !== undefined && (!config.useRemoteAddress || config.preserveExternalRequestId);
  if (keeps || !config.generateRequestId) {
    exchange.requestId = given;
    return;
  }
  exchange.requestId = exchange.context.newId();
  if (given === undefined) head.append('x-request-id', exchange.requestId);
  else head.set('x-request-id', exchange.requestId);
}
