// IPv4 ranges and the allocation of pod addresses: next free one after the last given, so that an address rests before reuse.

/** An IPv4 address as an unsigned number; undefined when the text is none. */
export function tryIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1).map(Number);
  if (parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export const toIpv4 = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');

/** First and last address of a range. */
export function toRange(cidr: string): { readonly first: number; readonly last: number } {
  const [text = '', bits = ''] = cidr.split('/');
  const address = tryIpv4(text);
  const length = Number(bits);
  if (address === undefined || !/^\d{1,2}$/.test(bits) || length > 32) throw new Error(`${cidr} is not an IPv4 range`);
  const size = 2 ** (32 - length);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1 };
}

/** Addresses of one node's pods. */
export class AddressPool {
  readonly cidr: string;
  private readonly used = new Set<number>();
  private readonly first: number;
  private readonly last: number;
  private next: number;

  constructor(cidr: string) {
    this.cidr = cidr;
    const range = toRange(cidr);
    this.first = range.first + 2;
    this.last = range.last - 1;
    this.next = this.first;
  }

  /** Marks an address as taken, after a restart. */
  reserve(ip: string): void {
    const value = tryIpv4(ip);
    if (value === undefined || value < this.first || value > this.last) return;
    this.used.add(value);
    if (value >= this.next) this.next = value === this.last ? this.first : value + 1;
  }

  take(): string {
    const size = this.last - this.first + 1;
    for (let step = 0; step < size; step += 1) {
      const value = this.next;
      this.next = value === this.last ? this.first : value + 1;
      if (!this.used.has(value)) {
        this.used.add(value);
        return toIpv4(value);
      }
    }
    throw new Error(`no free pod address in ${this.cidr}: ${size} pods is the limit of this node`);
  }

  release(ip: string): void {
    const value = tryIpv4(ip);
    if (value !== undefined) this.used.delete(value);
  }
}
