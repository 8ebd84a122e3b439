// Cross-origin policy (envoy.filters.http.cors), configured per route or virtual host: answers preflights, marks responses.
import { booleanOf } from '../../config/fields.ts';
import { compileStringMatcher, type StringMatcher } from '../../config/san.ts';
import type { Exchange } from '../exchange.ts';
import type { Layer } from '../layer.ts';

export const CORS_FILTER = 'envoy.filters.http.cors';

interface CorsPolicy {
  readonly allowOriginStringMatch?: readonly StringMatcher[];
  readonly allowMethods?: string;
  readonly allowHeaders?: string;
  readonly exposeHeaders?: string;
  readonly maxAge?: string;
  readonly allowCredentials?: unknown;
  readonly forwardNotMatchingPreflights?: unknown;
}

const matchers = new WeakMap<CorsPolicy, readonly ((value: string) => boolean)[]>();

function allowsOrigin(policy: CorsPolicy, origin: string): boolean {
  let compiled = matchers.get(policy);
  if (compiled === undefined) {
    compiled = (policy.allowOriginStringMatch ?? []).map((matcher) => compileStringMatcher(matcher));
    matchers.set(policy, compiled);
  }
  return compiled.some((matches) => matches(origin));
}

function policyOf(exchange: Exchange): CorsPolicy | undefined {
  return exchange.plan?.filters[CORS_FILTER] as CorsPolicy | undefined;
}

export function corsLayer(): Layer {
  return {
    name: CORS_FILTER,
    onRequest(exchange) {
      const policy = policyOf(exchange);
      if (policy === undefined) return undefined;
      const origin = exchange.header('origin');
      const method = exchange.header('access-control-request-method');
      if (exchange.method !== 'OPTIONS' || origin === undefined || method === undefined) return undefined;
      if (!allowsOrigin(policy, origin)) {
        return booleanOf(policy.forwardNotMatchingPreflights, true)
          ? undefined
          : { status: 200, body: '', flag: '', details: 'cors_response' };
      }
      const headers: [string, string][] = [['access-control-allow-origin', origin]];
      if (booleanOf(policy.allowCredentials, false)) headers.push(['access-control-allow-credentials', 'true']);
      if (policy.allowMethods) headers.push(['access-control-allow-methods', policy.allowMethods]);
      if (policy.allowHeaders) headers.push(['access-control-allow-headers', policy.allowHeaders]);
      if (policy.maxAge) headers.push(['access-control-max-age', policy.maxAge]);
      if (policy.exposeHeaders) headers.push(['access-control-expose-headers', policy.exposeHeaders]);
      return { status: 200, body: '', flag: '', details: 'cors_response', headers, isPlain: true };
    },
    onResponse(exchange) {
      const policy = policyOf(exchange);
      const head = exchange.responseHead;
      if (policy === undefined || head === undefined || exchange.responseCodeDetails === 'cors_response') return;
      const origin = exchange.header('origin');
      if (origin === undefined || !allowsOrigin(policy, origin)) return;
      head.set('access-control-allow-origin', origin);
      if (booleanOf(policy.allowCredentials, false)) head.set('access-control-allow-credentials', 'true');
      if (policy.exposeHeaders) head.set('access-control-expose-headers', policy.exposeHeaders);
    },
  };
}
