// What the upstream sees: path and host after the rewrites of a route action.
import type { RegexRewrite, RouteActionConfig } from './config.ts';
import { compileRegex } from './regex.ts';
import { headerOf, type MatchRequest, pathOf } from './request.ts';

/**
 * The request target after prefixRewrite or regexRewrite; the query stays.
 * @param matchedLength from `CompiledRoutes.matchedPathLength`: what a prefix rewrite replaces
 */
export function rewritePath(
  action: { readonly prefixRewrite?: string | undefined; readonly regexRewrite?: RegexRewrite | undefined },
  target: string,
  matchedLength: number,
): string {
  if (action.prefixRewrite) return action.prefixRewrite + target.slice(matchedLength);
  if (!action.regexRewrite) return target;
  const path = pathOf(target);
  return replaceAll(action.regexRewrite, path) + target.slice(path.length);
}

/** The authority after a host rewrite; undefined where it stays. autoHostRewrite needs the chosen endpoint and is the caller's. */
export function rewriteHost(action: RouteActionConfig, request: MatchRequest): string | undefined {
  if (action.hostRewriteLiteral) return action.hostRewriteLiteral;
  if (action.hostRewriteHeader) return headerOf(request, action.hostRewriteHeader.toLowerCase()) || undefined;
  if (action.hostRewritePathRegex) return replaceAll(action.hostRewritePathRegex, pathOf(request.path));
  return undefined;
}

/** An expression that does not compile changes nothing: the control plane's validation and the proxy's NACK name it. */
function replaceAll(rewrite: RegexRewrite, value: string): string {
  try {
    return compileRegex(rewrite.pattern?.regex ?? '').replaceAll(value, rewrite.substitution ?? '');
  } catch {
    return value;
  }
}
