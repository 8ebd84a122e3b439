// The head that goes upstream: hop-by-hop headers out, the route's changes and rewrites in.
import { cutHopByHop } from '#lib/http/framing.ts';
import { applyHeaderOps } from '../route/header-ops.ts';
import type { RoutePlan } from '../route/plan.ts';
import { rewriteHost, rewritePath } from '../route/rewrite.ts';
import type { Exchange } from './exchange.ts';
import { setAuthority, setPath } from './request-headers.ts';

/** Methods whose requests need no Content-Length to say that there is no body. */
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'CONNECT', 'TRACE']);

/** Changes the exchange's head in place; returns its text without the blank line. */
export function upstreamHead(exchange: Exchange, plan: RoutePlan): string {
  const { head } = exchange;
  if (exchange.upgrade === undefined) cutHopByHop(head);
  const setHost = (value: string): void => setAuthority(exchange, value);
  const weighted = plan.weighted[exchange.match?.weightedIndex ?? -1]?.request;
  if (weighted !== undefined) applyHeaderOps(weighted, head, exchange, setHost);
  for (const ops of plan.requestOps) applyHeaderOps(ops, head, exchange, setHost);
  if (plan.rewrites) rewrite(exchange, plan);
  if (!exchange.config.suppressEnvoyHeaders && plan.timeoutMs > 0) {
    head.set('x-envoy-expected-rq-timeout-ms', String(plan.timeoutMs));
  }
  if (head.minor === 0) head.setStartLine(`${head.method} ${head.path} HTTP/1.1`);
  if (plan.attemptCount) head.remove('x-envoy-attempt-count');
  const needsLength = exchange.framing.kind === 'none' && !BODILESS.has(head.method);
  if (needsLength && !head.has('content-length')) head.append('content-length', '0');
  return head.text;
}

function rewrite(exchange: Exchange, plan: RoutePlan): void {
  const { head } = exchange;
  const host = rewriteHost(plan, head.path, (name) => exchange.header(name));
  if (host !== undefined && host !== head.authority) {
    if (plan.action['appendXForwardedHost'] === true) head.append('x-forwarded-host', head.authority);
    head.set('x-envoy-original-host', head.authority);
    setAuthority(exchange, host);
  }
  const path = rewritePath(plan, head.path);
  if (path === head.path) return;
  head.set('x-envoy-original-path', head.path);
  setPath(exchange, path);
}
