// What the connection manager does to a response's head: hop-by-hop headers out, server, date and timing in.
import { cutHopByHop } from '#lib/http/framing.ts';
import { needleOf, type ResponseHead } from '#lib/http/head.ts';
import type { Exchange } from './exchange.ts';

const SERVER = needleOf('server');
const DATE = needleOf('date');
const SERVICE_TIME = needleOf('x-envoy-upstream-service-time');

let dateSecond = 0;
let dateLine = '';
/** `date: ...` line, made once a second. */
function currentDateLine(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return dateLine;
}

export function finishResponseHead(exchange: Exchange, head: ResponseHead): void {
  const { config } = exchange;
  if (head.status !== 101) cutHopByHop(head);
  let lines = '';
  if (!head.lower.includes(DATE)) lines += currentDateLine(Date.now());
  if (exchange.upstreamServiceMs !== undefined && !config.suppressEnvoyHeaders) {
    head.cut(SERVICE_TIME);
    lines += `x-envoy-upstream-service-time: ${exchange.upstreamServiceMs}\r\n`;
  }
  if (config.serverHeader === 'overwrite') {
    head.cut(SERVER);
    lines += `server: ${config.serverName}\r\n`;
  } else if (
    !head.lower.includes(SERVER) &&
    (config.serverHeader === 'append-if-absent' || exchange.upstreamServiceMs === undefined)
  ) {
    lines += `server: ${config.serverName}\r\n`;
  }
  head.text += lines;
  head.lower += lines.toLowerCase();
}
