// Envoy's access log formats: a format string or JSON object is compiled once into pieces; a line is their concatenation.
import type { Head } from '../http/head.ts';
import { needleOf } from '../http/head.ts';

/** What one request or connection leaves for the log. Undefined prints as `-` (JSON: null). */
export interface AccessRecord {
  /** Milliseconds since the epoch. */
  startMs: number;
  durationMs: number;
  method: string | undefined;
  path: string | undefined;
  authority: string | undefined;
  protocol: string | undefined;
  requestHead: Head | undefined;
  responseHead: Head | undefined;
  requestId: string | undefined;
  status: number;
  responseFlags: string;
  responseCodeDetails: string | undefined;
  terminationDetails: string | undefined;
  upstreamFailure: string | undefined;
  bytesReceived: number;
  bytesSent: number;
  upstreamServiceMs: number | undefined;
  upstreamHost: string | undefined;
  upstreamCluster: string | undefined;
  upstreamLocalAddress: string | undefined;
  downstreamLocalAddress: string | undefined;
  downstreamRemoteAddress: string | undefined;
  requestedServerName: string | undefined;
  routeName: string | undefined;
}

type Piece = string | ((record: AccessRecord) => string | number | undefined);
export type AccessLogFormat = (record: AccessRecord) => string;

/** Istio's default text format. @see https://istio.io/latest/docs/tasks/observability/logs/access-log/ */
export const ISTIO_TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

/** Envoy's own default text format. */
export const ENVOY_TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** Compiles a text format; unknown operators print `-`. */
export function compileTextFormat(format: string): AccessLogFormat {
  const pieces = parse(format);
  return (record) => {
    let line = '';
    for (const piece of pieces) line += typeof piece === 'string' ? piece : (piece(record) ?? '-');
    return line;
  };
}

/** Compiles a JSON format: numbers stay numbers where a value is one operator; unset is null or left out. */
export function compileJsonFormat(fields: Readonly<Record<string, unknown>>, omitEmpty: boolean): AccessLogFormat {
  const compiled = Object.entries(fields).map(([key, value]) => [key, parse(String(value))] as const);
  return (record) => {
    const out: Record<string, unknown> = {};
    for (const [key, pieces] of compiled) {
      const only = pieces.length === 1 ? pieces[0] : undefined;
      const value =
        typeof only === 'function'
          ? (only(record) ?? null)
          : pieces.map((piece) => (typeof piece === 'string' ? piece : (piece(record) ?? '-'))).join('');
      if (value !== null || !omitEmpty) out[key] = value;
    }
    return JSON.stringify(out) + '\n';
  };
}

function parse(format: string): Piece[] {
  const pieces: Piece[] = [];
  const operator = /%%|%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?%/g;
  let last = 0;
  for (let match = operator.exec(format); match !== null; match = operator.exec(format)) {
    if (match.index > last) pieces.push(format.slice(last, match.index));
    const [whole, name, argument, limit] = match;
    pieces.push(name === undefined ? '%' : shortened(pieceOf(name, argument), limit));
    last = match.index + whole.length;
  }
  if (last < format.length) pieces.push(format.slice(last));
  return pieces;
}

function shortened(piece: Piece, limit: string | undefined): Piece {
  if (limit === undefined || typeof piece === 'string') return piece;
  return (record) => {
    const value = piece(record);
    return typeof value === 'string' ? value.slice(0, Number(limit)) : value;
  };
}

const PLAIN: Readonly<Record<string, (record: AccessRecord) => string | number | undefined>> = {
  PROTOCOL: (r) => r.protocol,
  RESPONSE_CODE: (r) => r.status,
  RESPONSE_FLAGS: (r) => r.responseFlags,
  RESPONSE_CODE_DETAILS: (r) => r.responseCodeDetails,
  CONNECTION_TERMINATION_DETAILS: (r) => r.terminationDetails,
  UPSTREAM_TRANSPORT_FAILURE_REASON: (r) => r.upstreamFailure,
  BYTES_RECEIVED: (r) => r.bytesReceived,
  BYTES_SENT: (r) => r.bytesSent,
  DURATION: (r) => r.durationMs,
  UPSTREAM_HOST: (r) => r.upstreamHost,
  UPSTREAM_CLUSTER: (r) => r.upstreamCluster,
  UPSTREAM_CLUSTER_RAW: (r) => r.upstreamCluster,
  UPSTREAM_LOCAL_ADDRESS: (r) => r.upstreamLocalAddress,
  DOWNSTREAM_LOCAL_ADDRESS: (r) => r.downstreamLocalAddress,
  DOWNSTREAM_REMOTE_ADDRESS: (r) => r.downstreamRemoteAddress,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (r) => r.downstreamRemoteAddress?.replace(/:\d+$/, ''),
  REQUESTED_SERVER_NAME: (r) => r.requestedServerName,
  ROUTE_NAME: (r) => r.routeName,
};

function pieceOf(name: string, argument: string | undefined): Piece {
  switch (name) {
    case 'START_TIME':
      return startTime;
    case 'REQ':
    case 'REQ_WITHOUT_QUERY': {
      const read = headerPiece(argument ?? '', requestValue);
      return name === 'REQ' ? read : (record) => read(record)?.split('?')[0];
    }
    case 'RESP':
      return headerPiece(argument ?? '', responseValue);
    default:
      return PLAIN[name] ?? (() => undefined);
  }
}

type HeaderRead = (record: AccessRecord, name: string, needle: string) => string | undefined;

/** `NAME` or `NAME?ALTERNATIVE`. */
function headerPiece(argument: string, read: HeaderRead): (record: AccessRecord) => string | undefined {
  const [first = '', second] = argument.toLowerCase().split('?');
  const firstNeedle = needleOf(first);
  const value = (record: AccessRecord): string | undefined => read(record, first, firstNeedle);
  if (second === undefined) return value;
  const secondNeedle = needleOf(second);
  return (record) => value(record) ?? read(record, second, secondNeedle);
}

function requestValue(record: AccessRecord, name: string, needle: string): string | undefined {
  switch (name) {
    case ':method':
      return record.method;
    case ':path':
      return record.path;
    case ':authority':
      return record.authority;
    case 'x-request-id':
      return record.requestId;
    default:
      return record.requestHead?.find(needle);
  }
}

function responseValue(record: AccessRecord, name: string, needle: string): string | undefined {
  if (name === 'x-envoy-upstream-service-time') return record.upstreamServiceMs?.toString();
  return record.responseHead?.find(needle);
}

let cachedSecond = -1;
let cachedPrefix = '';
/** ISO 8601 with milliseconds, UTC; the part up to the second is made once a second. */
function startTime(record: AccessRecord): string {
  const second = Math.floor(record.startMs / 1000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedPrefix = new Date(second * 1000).toISOString().slice(0, 20);
  }
  const millis = Math.floor(record.startMs - second * 1000);
  return cachedPrefix + (millis < 10 ? `00${millis}Z` : millis < 100 ? `0${millis}Z` : `${millis}Z`);
}

/** Istio's default JSON keys, in its order. */
export const ISTIO_JSON_FORMAT: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
};
