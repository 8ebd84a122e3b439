// The consistent hash of a request: header, cookie (made and set when absent and it has a lifetime), source address, query.
import { hashOf } from '#lib/balance/hash.ts';
import { durationMs } from '../config/fields.ts';
import type { HashPolicy } from './plan.ts';

export interface HashedRequest {
  header(name: string): string | undefined;
  readonly path: string | undefined;
  readonly sourceAddress: string;
}

export interface RequestHash {
  readonly hash: number | undefined;
  /** Set-Cookie that makes the choice stick. */
  readonly setCookie: string | undefined;
}

export function requestHash(
  policies: readonly HashPolicy[],
  request: HashedRequest,
  newCookie: () => string,
): RequestHash {
  let hash: number | undefined;
  let setCookie: string | undefined;
  for (const policy of policies) {
    let value: string | undefined;
    if (policy.header?.headerName) value = request.header(policy.header.headerName.toLowerCase());
    else if (policy.cookie?.name) {
      value = cookieOf(request.header('cookie'), policy.cookie.name);
      const ttl = durationMs(policy.cookie.ttl);
      if (value === undefined && ttl !== undefined) {
        value = newCookie();
        const path = policy.cookie.path ? `; Path=${policy.cookie.path}` : '';
        const age = ttl > 0 ? `; Max-Age=${Math.floor(ttl / 1000)}` : '';
        setCookie = `${policy.cookie.name}="${value}"${age}${path}; HttpOnly`;
      }
    } else if (policy.connectionProperties?.sourceIp) value = request.sourceAddress;
    else if (policy.queryParameter?.name) value = queryOf(request.path ?? '', policy.queryParameter.name);
    if (value === undefined) continue;
    const part = hashOf(value);
    hash = hash === undefined ? part : (((hash << 1) | (hash >>> 31)) ^ part) >>> 0;
    if (policy.terminal === true) break;
  }
  return { hash, setCookie };
}

function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of header?.split(/[;,]/) ?? []) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name)
      return part
        .slice(at + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}

function queryOf(path: string, name: string): string | undefined {
  const at = path.indexOf('?');
  return at < 0 ? undefined : (new URLSearchParams(path.slice(at)).get(name) ?? undefined);
}
