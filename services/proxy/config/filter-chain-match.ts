// Chooses the filter chain of a connection: criterion after criterion in Envoy's order, the most specific value wins, and
// what a criterion has ruled out does not come back.
import { BlockList } from 'node:net';
import { numberOf } from './fields.ts';

export interface ConnectionTraits {
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly serverName: string | undefined;
  readonly transportProtocol: 'tls' | 'raw_buffer';
  readonly applicationProtocols: readonly string[];
  readonly sourceAddress: string;
  readonly sourcePort: number;
}

interface CidrRange {
  readonly addressPrefix?: string;
  readonly prefixLen?: unknown;
}

/** envoy.config.listener.v3.FilterChainMatch */
export interface FilterChainMatchResource {
  readonly destinationPort?: unknown;
  readonly prefixRanges?: readonly CidrRange[];
  readonly serverNames?: readonly string[];
  readonly transportProtocol?: string;
  readonly applicationProtocols?: readonly string[];
  readonly sourcePrefixRanges?: readonly CidrRange[];
  readonly directSourcePrefixRanges?: readonly CidrRange[];
  readonly sourcePorts?: readonly number[];
  readonly sourceType?: string | number;
}

/** Specificity of a match: undefined does not match, 0 does not care. */
type Criterion = (traits: ConnectionTraits) => number | undefined;

export interface CompiledMatch {
  readonly criteria: readonly Criterion[];
  readonly needsTls: boolean;
  readonly needsHttp: boolean;
}

export function compileFilterChainMatch(match: FilterChainMatchResource | null | undefined): CompiledMatch {
  const m = match ?? {};
  const port = numberOf(m.destinationPort, 0);
  const protocols = m.applicationProtocols ?? [];
  const sourceType = m.sourceType;
  return {
    needsTls:
      m.transportProtocol === 'tls' ||
      (m.serverNames ?? []).length > 0 ||
      protocols.length > 0 ||
      m.transportProtocol === 'raw_buffer',
    needsHttp: protocols.some((protocol) => protocol === 'http/1.1' || protocol === 'h2c' || protocol === 'http/1.0'),
    criteria: [
      port === 0 ? any : (t) => (t.destinationPort === port ? 1 : undefined),
      ranges(m.prefixRanges, (t) => t.destinationAddress),
      serverNames(m.serverNames ?? []),
      m.transportProtocol ? (t) => (t.transportProtocol === m.transportProtocol ? 1 : undefined) : any,
      protocols.length === 0 ? any : ofProtocols(protocols),
      ranges(m.directSourcePrefixRanges, (t) => t.sourceAddress),
      sourceType === undefined || sourceType === 'ANY' || sourceType === 0 ? any : ofSourceType(sourceType),
      ranges(m.sourcePrefixRanges, (t) => t.sourceAddress),
      (m.sourcePorts ?? []).length === 0 ? any : (t) => (m.sourcePorts?.includes(t.sourcePort) ? 1 : undefined),
    ],
  };
}

const any: Criterion = () => 0;

/** The client's own order decides: its first protocol that any chain names. */
function ofProtocols(protocols: readonly string[]): Criterion {
  return (traits) => {
    const at = traits.applicationProtocols.findIndex((protocol) => protocols.includes(protocol));
    return at < 0 ? undefined : 1000 - at;
  };
}

function ofSourceType(type: string | number): Criterion {
  const local = type === 'SAME_IP_OR_LOOPBACK' || type === 1;
  return (t) => {
    const isLocal =
      t.sourceAddress === t.destinationAddress || t.sourceAddress.startsWith('127.') || t.sourceAddress === '::1';
    return isLocal === local ? 1 : undefined;
  };
}

function ranges(list: readonly CidrRange[] | undefined, address: (traits: ConnectionTraits) => string): Criterion {
  if (list === undefined || list.length === 0) return any;
  const compiled = list.map((range) => {
    const prefix = range.addressPrefix ?? '';
    const family = prefix.includes(':') ? 'ipv6' : 'ipv4';
    const length = numberOf(range.prefixLen, 0);
    const block = new BlockList();
    block.addSubnet(prefix, length, family);
    return { block, length, family } as const;
  });
  return (traits) => {
    const value = address(traits);
    const family = value.includes(':') ? 'ipv6' : 'ipv4';
    let best: number | undefined;
    for (const range of compiled) {
      if (range.family === family && range.block.check(value, family)) best = Math.max(best ?? 0, range.length + 1);
    }
    return best;
  };
}

function serverNames(names: readonly string[]): Criterion {
  if (names.length === 0) return any;
  return (traits) => {
    const name = traits.serverName;
    if (name === undefined) return undefined;
    let best: number | undefined;
    for (const wanted of names) {
      if (wanted === name) return 10_000;
      const suffix = wanted.startsWith('*.') ? wanted.slice(1) : wanted.startsWith('.') ? wanted : undefined;
      if (suffix !== undefined && name.endsWith(suffix)) best = Math.max(best ?? 0, suffix.length);
    }
    return best;
  };
}

/** The chain for a connection, or undefined. */
export function chooseChain<C extends { readonly match: CompiledMatch }>(
  chains: readonly C[],
  traits: ConnectionTraits,
): C | undefined {
  let left: readonly C[] = chains;
  for (let index = 0; index < 9 && left.length > 0; index++) {
    let best = -1;
    let kept: C[] = [];
    for (const chain of left) {
      const specificity = chain.match.criteria[index]?.(traits);
      if (specificity === undefined || specificity < best) continue;
      if (specificity > best) {
        best = specificity;
        kept = [];
      }
      kept.push(chain);
    }
    left = kept;
  }
  return left[0];
}
