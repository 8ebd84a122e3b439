// Hosts as Istio reads them: short names belong to the namespace of their resource; `*.x` matches any name below x.

/** The full name of a host that a resource in `namespace` names. */
export function resolveHost(host: string, namespace: string, domainSuffix: string): string {
  if (host === '*' || host.includes('.') || host === '') return host.toLowerCase();
  return `${host.toLowerCase()}.${namespace}.svc.${domainSuffix}`;
}

/** Whether a pattern (`a.b`, `*.b`, `*`) covers a host. */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  return pattern.startsWith('*.') && host.endsWith(pattern.slice(1)) && host.length >= pattern.length;
}

/** Whether two patterns have a host in common. */
export const hostsOverlap = (a: string, b: string): boolean => hostCovers(a, b) || hostCovers(b, a);

/** More specific first: exact before wildcard, longer before shorter, then by name. */
export function compareHosts(a: string, b: string): number {
  const wild = (host: string) => (host === '*' ? 2 : host.startsWith('*') ? 1 : 0);
  return wild(a) - wild(b) || b.length - a.length || (a < b ? -1 : a > b ? 1 : 0);
}
