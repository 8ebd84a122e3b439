// Flags of `istio-iptables`, as upstream spells them, checked and turned into what shall be intercepted.
import { isIPv4 } from 'node:net';

/** What is redirected to the proxy, and what is not. */
export interface Interception {
  /** Outbound listener. @default 15001 */
  readonly outboundPort: number;
  /** Inbound listener. @default 15006 */
  readonly inboundPort: number;
  /** HBONE. @default 15008 */
  readonly tunnelPort: number;
  readonly proxyUids: readonly string[];
  readonly proxyGids: readonly string[];
  /** Inbound ports that are redirected; 'all' for `*`, empty for none. */
  readonly inboundPorts: readonly number[] | 'all';
  readonly inboundPortsExcluded: readonly number[];
  /** Outbound ports that are redirected whatever the address. */
  readonly outboundPorts: readonly number[];
  readonly outboundPortsExcluded: readonly number[];
  /** Outbound IPv4 ranges that are redirected; 'all' for `*`. */
  readonly outboundRanges: readonly string[] | 'all';
  readonly outboundRangesExcluded: readonly string[];
  readonly interfacesExcluded: readonly string[];
  /** Drops packets that connection tracking calls invalid instead of resetting. */
  readonly dropInvalid: boolean;
}

/** What the program shall do. */
export interface IptablesCommand {
  readonly interception: Interception;
  readonly action: 'apply' | 'dry-run' | 'cleanup' | 'validate';
  /** Writes the rules even when they are there already. */
  readonly force: boolean;
}

/** A flag that is unknown or wrong; the message names it. */
export class FlagError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FlagError';
  }
}

const VALUE_FLAGS: Readonly<Record<string, string>> = {
  p: 'envoy-port',
  z: 'inbound-capture-port',
  e: 'inbound-tunnel-port',
  u: 'proxy-uid',
  g: 'proxy-gid',
  m: 'istio-inbound-interception-mode',
  b: 'istio-inbound-ports',
  d: 'istio-local-exclude-ports',
  i: 'istio-service-cidr',
  x: 'istio-service-exclude-cidr',
  q: 'istio-outbound-ports',
  o: 'istio-local-outbound-ports-exclude',
  k: 'kube-virt-interfaces',
  c: 'istio-exclude-interfaces',
  t: 'istio-inbound-tproxy-mark',
  r: 'istio-inbound-tproxy-route-table',
};
const LONG_VALUE_FLAGS: ReadonlySet<string> = new Set([
  ...Object.values(VALUE_FLAGS),
  'log_output_level',
  'log_as_json',
  'iptables-probe-port',
  'probe-timeout',
  'istio-exclude-interfaces',
]);
const SWITCHES: ReadonlySet<string> = new Set([
  'dry-run',
  'skip-rule-apply',
  'run-validation',
  'redirect-dns',
  'capture-all-dns',
  'drop-invalid',
  'dual-stack',
  'cleanup-only',
  'force-apply',
  'reconcile',
  'native-nftables',
]);

/** Reads the arguments after `istio-iptables`; environment variables stand in for flags that are not given. */
export function parseIptablesFlags(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): IptablesCommand {
  const flags = readFlags(args);
  const value = (flag: string, variable: string, fallback: string): string =>
    flags.get(flag) ?? env[variable] ?? fallback;
  const isOn = (flag: string, variable: string): boolean => isTrue(flags.get(flag) ?? env[variable]);
  refuseUnsupported(
    value('istio-inbound-interception-mode', 'ISTIO_INBOUND_INTERCEPTION_MODE', 'REDIRECT'),
    isOn,
    flags,
  );
  const proxyUids = ids(value('proxy-uid', 'PROXY_UID', '1337'), '-u');
  const gids = ids(value('proxy-gid', 'PROXY_GID', ''), '-g');
  const excluded = value('istio-service-exclude-cidr', 'ISTIO_SERVICE_EXCLUDE_CIDR', '');
  if (excluded === '*') throw new FlagError("-x '*' would exclude everything; leave the pod out of the mesh instead");
  return {
    action: action(isOn),
    force: isOn('force-apply', 'FORCE_APPLY'),
    interception: {
      outboundPort: port(value('envoy-port', 'ENVOY_PORT', '15001'), '-p'),
      inboundPort: port(value('inbound-capture-port', 'INBOUND_CAPTURE_PORT', '15006'), '-z'),
      tunnelPort: port(value('inbound-tunnel-port', 'INBOUND_TUNNEL_PORT', '15008'), '-e'),
      proxyUids,
      proxyGids: gids.length > 0 ? gids : proxyUids,
      inboundPorts: allOr(value('istio-inbound-ports', 'ISTIO_INBOUND_PORTS', ''), '-b', ports),
      inboundPortsExcluded: ports(value('istio-local-exclude-ports', 'ISTIO_LOCAL_EXCLUDE_PORTS', ''), '-d'),
      outboundPorts: ports(value('istio-outbound-ports', 'ISTIO_OUTBOUND_PORTS', ''), '-q'),
      outboundPortsExcluded: ports(
        value('istio-local-outbound-ports-exclude', 'ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE', ''),
        '-o',
      ),
      outboundRanges: allOr(value('istio-service-cidr', 'ISTIO_SERVICE_CIDR', ''), '-i', ranges),
      outboundRangesExcluded: ranges(excluded, '-x'),
      interfacesExcluded: interfaces(value('istio-exclude-interfaces', 'ISTIO_EXCLUDE_INTERFACES', '')),
      dropInvalid: isOn('drop-invalid', 'INVALID_DROP'),
    },
  };
}

function readFlags(args: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i += 1) {
    const argument = args[i]!;
    const [, dashes, name = '', inline] = /^(--?)([A-Za-z][A-Za-z0-9_-]*)(?:=(.*))?$/s.exec(argument) ?? [];
    const flag = dashes === '-' ? (name === 'n' ? 'dry-run' : VALUE_FLAGS[name]) : name;
    if (flag === undefined || !(LONG_VALUE_FLAGS.has(flag) || SWITCHES.has(flag))) {
      throw new FlagError(`unknown flag ${JSON.stringify(argument)}`);
    }
    if (inline !== undefined) flags.set(flag, inline);
    else if (SWITCHES.has(flag)) flags.set(flag, 'true');
    else {
      const next = args[i + 1];
      if (next === undefined) throw new FlagError(`flag ${argument} needs a value`);
      flags.set(flag, next);
      i += 1;
    }
  }
  return flags;
}

type IsOn = (flag: string, variable: string) => boolean;

function refuseUnsupported(mode: string, isOn: IsOn, flags: ReadonlyMap<string, string>): void {
  if (mode !== 'REDIRECT') {
    throw new FlagError(`interception mode ${mode} is not supported; use REDIRECT, or NONE without this program`);
  }
  if (isOn('redirect-dns', 'ISTIO_META_DNS_CAPTURE')) {
    throw new FlagError('DNS capture is not supported yet; remove ISTIO_META_DNS_CAPTURE from proxyMetadata');
  }
  if (isOn('native-nftables', 'NATIVE_NFTABLES'))
    throw new FlagError('--native-nftables is not supported; leave it out');
  if ((flags.get('kube-virt-interfaces') ?? '') !== '') throw new FlagError('-k (virtual interfaces) is not supported');
}

function action(isOn: IsOn): IptablesCommand['action'] {
  if (isOn('cleanup-only', 'CLEANUP_ONLY')) return 'cleanup';
  if (isOn('run-validation', 'RUN_VALIDATION') && isOn('skip-rule-apply', 'SKIP_RULE_APPLY')) return 'validate';
  return isOn('dry-run', 'DRY_RUN') || isOn('skip-rule-apply', 'SKIP_RULE_APPLY') ? 'dry-run' : 'apply';
}

const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1' || text === 'TRUE';
const list = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function allOr<T>(text: string, flag: string, read: (text: string, flag: string) => T): T | 'all' {
  return text === '*' ? 'all' : read(text, flag);
}

function port(text: string, flag: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number > 65_535)
    throw new FlagError(`${flag}: ${JSON.stringify(text)} is no port (0 to 65535)`);
  return number;
}

const ports = (text: string, flag: string): number[] => [...new Set(list(text).map((part) => port(part, flag)))];

function ids(text: string, flag: string): string[] {
  return list(text).map((id) => {
    if (!/^\d{1,10}$/.test(id)) throw new FlagError(`${flag}: ${JSON.stringify(id)} is no numeric id`);
    return id;
  });
}

function interfaces(text: string): string[] {
  return list(text).map((name) => {
    if (!/^[A-Za-z0-9_.:@-]{1,15}\+?$/.test(name))
      throw new FlagError(`-c: ${JSON.stringify(name)} is no interface name`);
    return name;
  });
}

/** IPv4 ranges with host bits cleared, as the kernel shows them; IPv6 ranges are left out, as IPv6 is. */
function ranges(text: string, flag: string): string[] {
  return list(text).flatMap((range) => {
    const [address = '', bitsText = '32', ...rest] = range.split('/');
    if (address.includes(':')) return [];
    const bits = Number(bitsText);
    if (!isIPv4(address) || !/^\d{1,2}$/.test(bitsText) || bits > 32 || rest.length > 0) {
      throw new FlagError(`${flag}: ${JSON.stringify(range)} is no IPv4 range (10.0.0.0/8)`);
    }
    const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const masked = Math.floor(number / 2 ** (32 - bits)) * 2 ** (32 - bits);
    return [`${[24, 16, 8, 0].map((shift) => Math.floor(masked / 2 ** shift) % 256).join('.')}/${bits}`];
  });
}
