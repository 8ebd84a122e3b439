// IP addresses and CIDR ranges as bytes. IPv4 inside IPv6 (`::ffff:10.0.0.1`) is IPv4.

/** 4 or 16 bytes. */
export type Address = Uint8Array;

export interface RangeInput {
  readonly addressPrefix?: string | undefined;
  readonly prefixLen?: { readonly value?: number | undefined } | number | undefined;
}

export interface Range {
  readonly address: Address;
  readonly bits: number;
}

/** undefined where the text is not an address. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  if (text.length > 45) return undefined;
  const zone = text.indexOf('%');
  const bytes = parseIpv6(zone < 0 ? text : text.slice(0, zone));
  if (bytes === undefined) return undefined;
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? bytes.slice(12) : bytes;
}

function parseIpv4(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Address | undefined {
  let plain = text;
  const last = text.slice(text.lastIndexOf(':') + 1);
  if (last.includes('.')) {
    const v4 = parseIpv4(last);
    if (!v4) return undefined;
    plain = `${text.slice(0, -last.length)}${((v4[0]! << 8) | v4[1]!).toString(16)}:${((v4[2]! << 8) | v4[3]!).toString(16)}`;
  }
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined): string[] => (half ? half.split(':') : []);
  const left = groups(halves[0]);
  const right = groups(halves[1]);
  const gap = 8 - left.length - right.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined;
  const all = [...left, ...Array.from({ length: gap }, () => '0'), ...right];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
}

/** @throws Error where the prefix is not an address */
export function parseRange({ addressPrefix = '', prefixLen }: RangeInput): Range {
  const address = parseAddress(addressPrefix);
  if (!address) throw new Error(`"${addressPrefix}" is not an address`);
  const length = typeof prefixLen === 'number' ? prefixLen : (prefixLen?.value ?? 0);
  return { address, bits: Math.min(length, address.length * 8) };
}

export function inRange(address: Address, { address: network, bits }: Range): boolean {
  if (address.length !== network.length) return false;
  const whole = bits >> 3;
  for (let index = 0; index < whole; index++) if (address[index] !== network[index]) return false;
  const rest = bits & 7;
  return rest === 0 || ((address[whole]! ^ network[whole]!) & (0xff << (8 - rest)) & 0xff) === 0;
}
