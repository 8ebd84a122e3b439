// A pod's network namespace: one routed veth pair, a /32 address, and a default route into the cluster's namespace, which has none.
// Every neighbour is static, so no ARP is spoken and no bridge is needed; unroutable packets come back as ICMP at once.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { runCommand } from '../run-command.ts';
import { tryIpv4 } from './addresses.ts';

/** The pods' next hop: link-local, answered by a static neighbour entry. */
const gateway = '169.254.1.1';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Name of a pod's namespace below /run/netns; the owner keeps clusters on one machine apart. */
export const toNetnsName = (owner: string, uid: string): string => `rig-${hash(`${owner}\0${uid}`).slice(0, 12)}`;

/** Name of the host's end of a pod's veth pair; at most 15 characters. */
const toLinkName = (netns: string): string => `rigv${netns.slice(4, 14)}`;

/** A locally administered hardware address made of the pod's address. */
function toMac(prefix: string, ip: string): string {
  const value = tryIpv4(ip) ?? 0;
  const bytes = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  return [prefix, ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

export interface PodNetwork {
  readonly netns: string;
  readonly ip: string;
  readonly nodeAddress: string;
  readonly sysctls: readonly { readonly name: string; readonly value: string }[];
}

/** Sysctls a pod may set; they are per network namespace. */
const isNamespacedSysctl = (name: string): boolean => /^net\.[a-z0-9_.-]+$/.test(name) && !name.includes('..');

/** Makes the namespace, the link and the routes of one pod. */
export async function createPodNetwork(network: PodNetwork): Promise<void> {
  const { netns, ip, nodeAddress } = network;
  const link = toLinkName(netns);
  const [hostMac, podMac] = [toMac('0e:58', ip), toMac('0a:58', ip)];
  const sysctls = [
    { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
    { name: 'net.ipv4.ping_group_range', value: '0 2147483647' },
    ...network.sysctls,
  ];
  for (const { name, value } of sysctls) {
    if (!isNamespacedSysctl(name) || !/^[\w .:-]{1,128}$/.test(value)) {
      throw new Error(`sysctl ${name}=${value}: only net.* sysctls can be set for a pod`);
    }
  }
  await removePodNetwork(netns);
  const script = `set -e
ip netns add ${netns}
ip -batch - <<EOF
link add ${link} address ${hostMac} type veth peer name eth0 address ${podMac} netns ${netns}
link set ${link} up
route replace ${ip}/32 dev ${link} src ${nodeAddress}
neigh replace ${ip} lladdr ${podMac} dev ${link} nud permanent
EOF
nsenter --net=/run/netns/${netns} sh -e <<'OUTER'
ip -batch - <<EOF
link set lo up
addr add ${ip}/32 dev eth0
link set eth0 up
neigh add ${gateway} lladdr ${hostMac} dev eth0 nud permanent
route add ${gateway}/32 dev eth0
route add default via ${gateway} dev eth0 src ${ip}
EOF
${sysctls.map(({ name, value }) => `echo '${value}' > /proc/sys/${name.replaceAll('.', '/')}`).join('\n')}
OUTER
`;
  try {
    await runCommand('sh', [], script);
  } catch (error) {
    await removePodNetwork(netns);
    throw new Error(`cannot make the network of a pod (${netns}, ${ip}): ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Links of the namespace this process is in; /sys may show another one's. */
const hasLink = (link: string): boolean => readFileSync('/proc/self/net/dev', 'utf8').includes(`${link}:`);

/** True when the namespace of a former run is still there, with its link into this namespace. */
export function hasPodNetwork(netns: string): boolean {
  return existsSync(`/run/netns/${netns}`) && hasLink(toLinkName(netns));
}

/** Removes what createPodNetwork made; nothing there is no error. */
export async function removePodNetwork(netns: string): Promise<void> {
  const link = toLinkName(netns);
  if (hasLink(link)) await runCommand('ip', ['link', 'del', link]).catch(() => undefined);
  if (existsSync(`/run/netns/${netns}`)) await runCommand('ip', ['netns', 'del', netns]);
}
