// Status and Location of a redirect, as Envoy computes them.
import type { RedirectConfig } from './config.ts';
import type { MatchRequest } from './request.ts';
import { rewritePath } from './rewrite.ts';

const STATUS: Readonly<Record<string, number>> = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
};
const BY_NUMBER = [301, 302, 303, 307, 308];

/** HTTP status of a redirect: 301 where it says nothing. */
export function redirectStatus(redirect: RedirectConfig): number {
  const code = redirect.responseCode;
  if (typeof code === 'number') return BY_NUMBER[code] ?? (code >= 300 && code < 400 ? code : 301);
  return STATUS[code ?? 'MOVED_PERMANENTLY'] ?? 301;
}

/** The Location header. @param matchedLength what `prefixRewrite` replaces, from `CompiledRoutes.matchedPathLength` */
export function redirectLocation(redirect: RedirectConfig, request: MatchRequest, matchedLength: number): string {
  const requestScheme = request.scheme ?? 'http';
  const scheme = redirect.schemeRedirect || (redirect.httpsRedirect ? 'https' : requestScheme);
  const port = redirect.portRedirect ? `:${redirect.portRedirect}` : '';
  const host = redirect.hostRedirect || hostOf(request.authority, requestScheme, scheme, port !== '');
  return `${scheme}://${host}${port}${targetOf(redirect, request.path, matchedLength)}`;
}

/** The request's own host; its port goes where another is set, or where it is the default of a scheme that changes. */
function hostOf(authority: string, requestScheme: string, scheme: string, hasPort: boolean): string {
  const colon = authority.startsWith('[') ? authority.lastIndexOf(']:') + 1 : authority.lastIndexOf(':');
  if (colon <= 0) return authority;
  const port = authority.slice(colon);
  const isDefault = (requestScheme === 'https' && port === ':443') || (requestScheme === 'http' && port === ':80');
  return hasPort || (scheme !== requestScheme && isDefault) ? authority.slice(0, colon) : authority;
}

function targetOf(redirect: RedirectConfig, target: string, matchedLength: number): string {
  const query = target.indexOf('?');
  if (redirect.pathRedirect) {
    // A query of its own beats the request's and is never stripped.
    if (redirect.pathRedirect.includes('?')) return redirect.pathRedirect;
    return redirect.stripQuery || query < 0 ? redirect.pathRedirect : redirect.pathRedirect + target.slice(query);
  }
  const rewritten = rewritePath(redirect, target, matchedLength);
  const at = rewritten.indexOf('?');
  return redirect.stripQuery && at >= 0 ? rewritten.slice(0, at) : rewritten;
}
