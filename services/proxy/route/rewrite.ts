// Path and host rewrites and redirect locations of a route, as Envoy's router does them.
import { RE2JS } from 're2js';
import type { RoutePlan } from './plan.ts';

type Fields = Readonly<Record<string, unknown>>;
interface RegexRewrite {
  readonly pattern?: { readonly regex?: string };
  readonly substitution?: string;
}

const patterns = new WeakMap<object, RE2JS>();

function patternOf(rewrite: RegexRewrite): RE2JS {
  let pattern = patterns.get(rewrite);
  if (pattern === undefined) {
    pattern = RE2JS.compile(rewrite.pattern?.regex ?? '');
    patterns.set(rewrite, pattern);
  }
  return pattern;
}

/** `\1` in the substitution is the first group. */
function regexReplace(text: string, rewrite: RegexRewrite): string {
  const substitution = (rewrite.substitution ?? '').replace(/\$/g, '\\$').replace(/\\(\d)/g, '$$$1');
  return patternOf(rewrite).matcher(text).replaceAll(substitution);
}

/** New path with query; the same string if nothing changes. */
export function rewritePath(plan: RoutePlan, path: string): string {
  return rewritePathBy(plan.action, plan.match, path);
}

function rewritePathBy(action: Fields, match: Fields, path: string): string {
  const query = path.indexOf('?');
  const bare = query < 0 ? path : path.slice(0, query);
  const rest = query < 0 ? '' : path.slice(query);
  const prefix = action['prefixRewrite'] as string | undefined;
  if (prefix !== undefined && prefix !== '') return replacePrefix(match, bare, prefix) + rest;
  const regex = action['regexRewrite'] as RegexRewrite | undefined;
  if (regex != null) return regexReplace(bare, regex) + rest;
  return path;
}

function replacePrefix(match: Fields, bare: string, replacement: string): string {
  const matched = (match['prefix'] ?? match['pathSeparatedPrefix']) as string | undefined;
  if (matched === undefined) return replacement;
  return replacement + bare.slice(matched.length);
}

/** New authority, or undefined. */
export function rewriteHost(
  plan: RoutePlan,
  path: string,
  header: (name: string) => string | undefined,
): string | undefined {
  const { action } = plan;
  const literal = action['hostRewriteLiteral'] as string | undefined;
  if (literal) return literal;
  const name = action['hostRewriteHeader'] as string | undefined;
  if (name) return header(name.toLowerCase());
  const regex = action['hostRewritePathRegex'] as RegexRewrite | undefined;
  return regex == null ? undefined : regexReplace(path.split('?')[0] ?? '', regex);
}

const CODES: Readonly<Record<string, number>> = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
  '0': 301,
  '1': 302,
  '2': 303,
  '3': 307,
  '4': 308,
};

export function redirectOf(
  plan: RoutePlan,
  scheme: string,
  authority: string,
  path: string,
): { status: number; location: string } {
  const redirect = plan.redirect ?? {};
  const status = CODES[String(redirect['responseCode'] ?? 'MOVED_PERMANENTLY')] ?? 301;
  const newScheme = redirect['httpsRedirect'] === true ? 'https' : (redirect['schemeRedirect'] as string) || scheme;
  const [, host = authority, port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority) ?? [];
  const newHost = (redirect['hostRedirect'] as string) || host;
  const wantedPort = Number(redirect['portRedirect'] ?? 0);
  const isDefault = (newScheme === 'http' && port === '80') || (newScheme === 'https' && port === '443');
  const dropsPort =
    newScheme !== scheme && ((scheme === 'http' && port === '80') || (scheme === 'https' && port === '443'));
  const newPort =
    wantedPort > 0
      ? `:${wantedPort}`
      : port !== '' && !isDefault && !dropsPort && !redirect['hostRedirect']
        ? `:${port}`
        : '';
  let newPath = path;
  const pathRedirect = redirect['pathRedirect'] as string | undefined;
  if (pathRedirect) newPath = pathRedirect.includes('?') ? pathRedirect : pathRedirect + queryOf(path);
  else newPath = rewritePathBy(redirect, plan.match, path);
  if (redirect['stripQuery'] === true) newPath = newPath.split('?')[0] ?? '';
  return { status, location: `${newScheme}://${newHost}${newPort}${newPath}` };
}

function queryOf(path: string): string {
  const at = path.indexOf('?');
  return at < 0 ? '' : path.slice(at);
}
