// What is intercepted, as rules in exactly the words of iptables-save, so that comparing with a pod is comparing text.
// Matches istio-iptables in REDIRECT mode (tools/istio-iptables/pkg/capture/run.go), IPv4.
import type { Interception } from './flags.ts';

/** Chains and rules of one table. */
export interface TableRules {
  readonly table: 'nat' | 'mangle';
  /** Chains that are ours as a whole. */
  readonly chains: readonly string[];
  /** `-A CHAIN ...`, in order. */
  readonly rules: readonly string[];
}

/** Every chain that any version of these rules makes. */
export const OWN_CHAINS = {
  nat: ['ISTIO_INBOUND', 'ISTIO_IN_REDIRECT', 'ISTIO_OUTPUT', 'ISTIO_REDIRECT'],
  mangle: ['ISTIO_DROP'],
} as const;

const PASSTHROUGH_SOURCE = '127.0.0.6/32';
const LOOPBACK = '127.0.0.1/32';

/** The rules of a pod. */
export function interceptionRules(want: Interception): TableRules[] {
  const nat: TableRules = {
    table: 'nat',
    chains: OWN_CHAINS.nat,
    rules: [
      ...want.interfacesExcluded.flatMap((name) => [
        `-A PREROUTING -i ${name} -j RETURN`,
        `-A OUTPUT -o ${name} -j RETURN`,
      ]),
      ...inbound(want),
      `-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports ${want.outboundPort}`,
      `-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports ${want.inboundPort}`,
      '-A OUTPUT -j ISTIO_OUTPUT',
      ...outbound(want),
    ],
  };
  if (!want.dropInvalid) return [nat];
  const mangle: TableRules = {
    table: 'mangle',
    chains: OWN_CHAINS.mangle,
    rules: ['-A PREROUTING -m conntrack --ctstate INVALID -j ISTIO_DROP', '-A ISTIO_DROP -j DROP'],
  };
  return [nat, mangle];
}

function inbound(want: Interception): string[] {
  const tunnel = `-A ISTIO_INBOUND ${dport('tcp', want.tunnelPort)} -j RETURN`;
  if (want.inboundPorts !== 'all' && want.inboundPorts.length === 0) return [tunnel];
  const captured =
    want.inboundPorts === 'all'
      ? [
          ...want.inboundPortsExcluded.map((port) => `-A ISTIO_INBOUND ${dport('tcp', port)} -j RETURN`),
          '-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT',
        ]
      : want.inboundPorts.map((port) => `-A ISTIO_INBOUND ${dport('tcp', port)} -j ISTIO_IN_REDIRECT`);
  return [tunnel, '-A PREROUTING -p tcp -j ISTIO_INBOUND', ...captured];
}

function outbound(want: Interception): string[] {
  const isLoopbackWanted =
    want.outboundRanges !== 'all' && want.outboundRanges.some((range) => range.startsWith('127.'));
  const owners = [
    ...want.proxyUids.map((id) => `--uid-owner ${id}`),
    ...want.proxyGids.map((id) => `--gid-owner ${id}`),
  ];
  return [
    ...want.outboundPortsExcluded.flatMap((port) => [
      `-A ISTIO_OUTPUT ${dport('tcp', port)} -j RETURN`,
      `-A ISTIO_OUTPUT ${dport('udp', port)} -j RETURN`,
    ]),
    // The proxy's connections to the app come from this address.
    `-A ISTIO_OUTPUT -s ${PASSTHROUGH_SOURCE} -o lo -j RETURN`,
    ...owners.flatMap((owner) => [
      // The app calls itself by its service: proxy (client) -> proxy (server) -> app.
      `-A ISTIO_OUTPUT ! -d ${LOOPBACK} -o lo -p tcp -m tcp ! --dport ${want.tunnelPort} -m owner ${owner} -j ISTIO_IN_REDIRECT`,
      // The app calls itself by its own address: the proxy stays out.
      ...(isLoopbackWanted ? [] : [`-A ISTIO_OUTPUT -o lo -m owner ! ${owner} -j RETURN`]),
      // What the proxy sends is not sent to the proxy again.
      `-A ISTIO_OUTPUT -m owner ${owner} -j RETURN`,
    ]),
    `-A ISTIO_OUTPUT -d ${LOOPBACK} -j RETURN`,
    ...want.outboundRangesExcluded.map((range) => `-A ISTIO_OUTPUT${destination(range)} -j RETURN`),
    ...want.outboundPorts.map((port) => `-A ISTIO_OUTPUT ${dport('tcp', port)} -j ISTIO_REDIRECT`),
    ...(want.outboundRanges === 'all'
      ? ['-A ISTIO_OUTPUT -j ISTIO_REDIRECT']
      : want.outboundRanges.map((range) => `-A ISTIO_OUTPUT${destination(range)} -j ISTIO_REDIRECT`)),
  ];
}

const dport = (protocol: 'tcp' | 'udp', port: number): string => `-p ${protocol} -m ${protocol} --dport ${port}`;
const destination = (range: string): string => (range === '0.0.0.0/0' ? '' : ` -d ${range}`);
