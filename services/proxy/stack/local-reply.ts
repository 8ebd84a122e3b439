// Answers that the proxy makes itself: text bodies for HTTP, trailers-only responses for gRPC.
import { STATUS_CODES } from 'node:http';
import { ResponseHead } from '#lib/http/head.ts';
import type { Exchange } from './exchange.ts';
import type { LocalReply } from './layer.ts';

/** gRPC status for an HTTP status (Envoy's table). */
const GRPC_STATUS: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  408: 4,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
};
const EMPTY = Buffer.alloc(0);

export function replyHead(exchange: Exchange, local: LocalReply): { head: ResponseHead; body: Buffer } {
  if (exchange.isGrpc) return grpcHead(exchange, local);
  const body = Buffer.from(local.body, 'latin1');
  const reason = STATUS_CODES[local.status] ?? 'Unknown';
  const head = new ResponseHead(`HTTP/1.1 ${local.status} ${reason}\r\n`, local.status, 1);
  if (local.status !== 204 && local.status !== 304) head.append('content-length', String(body.length));
  if (body.length > 0) head.append('content-type', 'text/plain');
  for (const [name, value] of local.headers ?? []) head.append(name, value.replace(/[\r\n\0]/g, ''));
  return { head, body };
}

function grpcHead(exchange: Exchange, local: LocalReply): { head: ResponseHead; body: Buffer } {
  const status = GRPC_STATUS[local.status] ?? 2;
  exchange.grpcStatus = status;
  const head = new ResponseHead('HTTP/1.1 200 OK\r\n', 200, 1);
  head.append('content-type', 'application/grpc');
  head.append('grpc-status', String(status));
  if (local.body !== '') head.append('grpc-message', encodeURIComponent(local.body).replaceAll('%20', ' '));
  return { head, body: EMPTY };
}
