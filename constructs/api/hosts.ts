// Forms of names: DNS labels, host names with and without wildcard, addresses; and which hosts a wildcard covers.

const LABEL = /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const WILDCARD_LABEL = /^(\*|(\*|\*-)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)$/;
const MAX_HOST = 255;

export const isDnsLabel = (text: string): boolean => text.length > 0 && text.length <= 63 && LABEL.test(text);

/** What is wrong with a fully qualified or short host name without wildcard; undefined where nothing is. */
export function faultOfHost(host: string): string | undefined {
  if (host === '') return 'host name must not be empty';
  if (host.length > MAX_HOST) return `host name must have at most ${MAX_HOST} characters, has ${host.length}`;
  return faultOfLabels(host, host);
}

function faultOfLabels(rest: string, host: string): string | undefined {
  const labels = rest.split('.');
  const last = labels[labels.length - 1]!;
  if (/^\d+$/.test(last)) return `host name "${host}" must not end in a number ("${last}")`;
  // The last part may be empty: `istio.io.` is unambiguous.
  const checked = last === '' && labels.length > 1 ? labels.slice(0, -1) : labels;
  const bad = checked.find((label) => !isDnsLabel(label));
  if (bad === undefined) return undefined;
  return `host name "${host}" has the invalid label "${bad}": letters, digits and inner hyphens, at most 63`;
}

/** As `faultOfHost`, and a wildcard may stand at the beginning: `*`, `*.example.com`, `*-a.example.com`. */
export function faultOfWildcardHost(host: string): string | undefined {
  if (host === '') return 'host name must not be empty';
  if (host.length > MAX_HOST) return `host name must have at most ${MAX_HOST} characters, has ${host.length}`;
  const dot = host.indexOf('.');
  const first = dot < 0 ? host : host.slice(0, dot);
  if (first.length > 63 || !WILDCARD_LABEL.test(first)) {
    const inner =
      host.lastIndexOf('*') > 0
        ? ': a wildcard may stand at the beginning only'
        : ': letters, digits and inner hyphens, at most 63';
    return `host name "${host}" has the invalid label "${first}"${inner}`;
  }
  return dot < 0 ? undefined : faultOfLabels(host.slice(dot + 1), host);
}

export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

export function isIpv6(text: string): boolean {
  if (text.length > 45 || !text.includes(':') || !/^[0-9a-fA-F:.]+$/.test(text)) return false;
  const tail = text.slice(text.lastIndexOf(':') + 1);
  const plain = tail.includes('.') ? (isIpv4(tail) ? `${text.slice(0, -tail.length)}0:0` : '') : text;
  const halves = plain.split('::');
  if (plain === '' || halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}

export const isIp = (text: string): boolean => isIpv4(text) || isIpv6(text);

/** An address, or an address with a prefix length. */
export function isIpOrCidr(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return isIp(text);
  const address = text.slice(0, slash);
  const bits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(bits)) return false;
  return (isIpv4(address) && Number(bits) <= 32) || (isIpv6(address) && Number(bits) <= 128);
}

/** Whether some host is covered by both; either may begin with `*`. */
export function hostsOverlap(a: string, b: string): boolean {
  const aWild = a.startsWith('*');
  const bWild = b.startsWith('*');
  if (aWild && bWild) return a.length < b.length ? b.slice(1).endsWith(a.slice(1)) : a.slice(1).endsWith(b.slice(1));
  if (aWild) return b.endsWith(a.slice(1));
  if (bWild) return a.endsWith(b.slice(1));
  return a === b;
}

/** Whether every host that `inner` covers is covered by `outer`. */
export function hostWithin(inner: string, outer: string): boolean {
  const outerWild = outer.startsWith('*');
  if (inner.startsWith('*'))
    return outerWild && inner.length >= outer.length && inner.slice(1).endsWith(outer.slice(1));
  return outerWild ? inner.endsWith(outer.slice(1)) : inner === outer;
}
