// Which virtual host serves an authority: exact domain, then the longest `*suffix`, then the longest `prefix*`, then `*`.
import type { VirtualHostConfig } from './config.ts';

export interface Domains<V> {
  find(authority: string): V | undefined;
  /** The domain by which `find` chose, for explanations. */
  domainOf(authority: string): string | undefined;
}

interface Wildcards<V> {
  /** Lengths, longest first; 0 never occurs. */
  readonly lengths: number[];
  readonly hosts: Map<string, V>;
}

export function compileDomains<V extends VirtualHostConfig>(
  virtualHosts: readonly V[],
  ignorePort: boolean,
  problems: string[],
): Domains<V> {
  const exact = new Map<string, V>();
  const suffixes: Wildcards<V> = { lengths: [], hosts: new Map() };
  const prefixes: Wildcards<V> = { lengths: [], hosts: new Map() };
  let fallback: V | undefined;
  for (const virtualHost of virtualHosts) {
    for (const configured of virtualHost.domains ?? []) {
      const domain = configured.toLowerCase();
      if (domain === '*') {
        if (fallback) problems.push('only a single wildcard domain is permitted');
        fallback ??= virtualHost;
      } else if (domain.startsWith('*')) addWildcard(suffixes, domain.slice(1), virtualHost, domain, problems);
      else if (domain.endsWith('*')) addWildcard(prefixes, domain.slice(0, -1), virtualHost, domain, problems);
      else add(exact, domain, virtualHost, domain, problems);
    }
  }
  suffixes.lengths.sort((a, b) => b - a);
  prefixes.lengths.sort((a, b) => b - a);
  const normal = (authority: string): string => {
    const host = authority.toLowerCase();
    return ignorePort ? withoutPort(host) : host;
  };
  const suffixOf = (host: string): string | undefined => {
    for (const length of suffixes.lengths) {
      if (length >= host.length) continue; // `*` stands for at least one character
      const part = host.slice(host.length - length);
      if (suffixes.hosts.has(part)) return part;
    }
    return undefined;
  };
  const prefixOf = (host: string): string | undefined => {
    for (const length of prefixes.lengths) {
      if (length >= host.length) continue;
      const part = host.slice(0, length);
      if (prefixes.hosts.has(part)) return part;
    }
    return undefined;
  };
  return {
    find: (authority) => {
      if (exact.size === 0 && suffixes.lengths.length === 0 && prefixes.lengths.length === 0) return fallback;
      const host = normal(authority);
      const found = exact.get(host);
      if (found) return found;
      const suffix = suffixOf(host);
      if (suffix !== undefined) return suffixes.hosts.get(suffix);
      const prefix = prefixOf(host);
      return prefix === undefined ? fallback : prefixes.hosts.get(prefix);
    },
    domainOf: (authority) => {
      const host = normal(authority);
      if (exact.has(host)) return host;
      const suffix = suffixOf(host);
      if (suffix !== undefined) return `*${suffix}`;
      const prefix = prefixOf(host);
      if (prefix !== undefined) return `${prefix}*`;
      return fallback ? '*' : undefined;
    },
  };
}

function add<V>(hosts: Map<string, V>, key: string, virtualHost: V, domain: string, problems: string[]): void {
  if (hosts.has(key)) problems.push(`domain ${domain} belongs to two virtual hosts; only the first is used`);
  else hosts.set(key, virtualHost);
}

function addWildcard<V>(
  wildcards: Wildcards<V>,
  part: string,
  virtualHost: V,
  domain: string,
  problems: string[],
): void {
  add(wildcards.hosts, part, virtualHost, domain, problems);
  if (!wildcards.lengths.includes(part.length)) wildcards.lengths.push(part.length);
}

/** The host of an authority: `a:80` gives `a`, `[::1]:80` gives `[::1]`. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  return colon < 0 || authority.lastIndexOf(']') > colon ? authority : authority.slice(0, colon);
}
