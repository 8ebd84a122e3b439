// Services and their endpoints -> the iptables rules of the cluster's namespace, as one iptables-restore input.
// Chains are ours alone; each restore replaces them whole, so no connection ever meets half of a change.
import type { EndpointSlice, Service } from '../pod-types.ts';

export interface ServiceRulesInput {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly serviceCidr: string;
  /** Addresses that node ports are reached by. */
  readonly nodeAddress: string;
  /** Where `kubernetes.default` leads. */
  readonly apiServer: { readonly host: string; readonly port: number };
}

interface Target {
  readonly ip: string;
  readonly port: number;
}

const affinitySeconds = 10_800;
const isIpv4 = (text: string): boolean => /^\d{1,3}(\.\d{1,3}){3}$/.test(text);

/** Ready endpoints of a service port; those that end serve only where nothing else does. */
export function targetsOf(
  service: Service,
  portName: string,
  protocol: string,
  slices: readonly EndpointSlice[],
): Target[] {
  const ready: Target[] = [];
  const serving: Target[] = [];
  for (const slice of slices) {
    if (
      slice.metadata.namespace !== service.metadata.namespace ||
      slice.metadata.labels?.['kubernetes.io/service-name'] !== service.metadata.name
    )
      continue;
    for (const port of slice.ports ?? []) {
      if ((port.name ?? '') !== portName || (port.protocol ?? 'TCP') !== protocol || port.port === undefined) continue;
      for (const endpoint of slice.endpoints ?? []) {
        const list =
          (endpoint.conditions?.ready ?? true) ? ready : (endpoint.conditions?.serving ?? false) ? serving : undefined;
        for (const ip of endpoint.addresses ?? []) if (isIpv4(ip)) list?.push({ ip, port: port.port });
      }
    }
  }
  const chosen = ready.length > 0 ? ready : serving;
  return [...new Map(chosen.map((it) => [`${it.ip}:${it.port}`, it])).values()].sort((a, b) =>
    `${a.ip}:${a.port}` < `${b.ip}:${b.port}` ? -1 : 1,
  );
}

/** A chain name of at most 28 characters, from what it is for. */
function chainName(kind: string, parts: readonly string[]): string {
  let hash = 2166136261;
  for (const char of parts.join('\0')) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619) >>> 0;
  let second = 5381;
  for (const char of parts.join('\0')) second = (Math.imul(second, 33) + char.charCodeAt(0)) >>> 0;
  return `RIG-${kind}-${hash.toString(16).padStart(8, '0')}${second.toString(16).padStart(8, '0')}`;
}

export function toRules(input: ServiceRulesInput): string {
  const chains = ['RIG-SERVICES', 'RIG-MASQ'];
  const nat: string[] = [];
  const filter: string[] = [];
  const hairpins = new Set<string>();
  const balanced = (
    comment: string,
    matches: readonly string[],
    chain: string,
    targets: readonly Target[],
    affinity: number | undefined,
  ) => {
    chains.push(chain);
    for (const match of matches) nat.push(`-A RIG-SERVICES ${match} -m comment --comment "${comment}" -j ${chain}`);
    if (affinity !== undefined) {
      for (const target of targets) {
        const member = chainName('SEP', [chain, target.ip, String(target.port)]);
        nat.push(`-A ${chain} -m recent --name ${member} --rcheck --seconds ${affinity} --reap -j ${member}`);
      }
    }
    targets.forEach((target, index) => {
      const left = targets.length - index;
      const random = left > 1 ? ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}` : '';
      const member = chainName('SEP', [chain, target.ip, String(target.port)]);
      if (affinity !== undefined) {
        chains.push(member);
        nat.push(`-A ${chain}${random} -j ${member}`);
        nat.push(
          `-A ${member} -p tcp -m recent --name ${member} --set -j DNAT --to-destination ${target.ip}:${target.port}`,
        );
      } else {
        nat.push(`-A ${chain} -p tcp${random} -j DNAT --to-destination ${target.ip}:${target.port}`);
        nat.push(`-A ${chain} -p udp${random} -j DNAT --to-destination ${target.ip}:${target.port}`);
      }
      hairpins.add(target.ip);
    });
  };
  for (const service of [...input.services].sort((a, b) => (key(a) < key(b) ? -1 : 1))) {
    const spec = service.spec ?? {};
    if (spec.type === 'ExternalName') continue;
    const addresses = [spec.clusterIP ?? '', ...(spec.externalIPs ?? [])].filter(isIpv4);
    for (const port of spec.ports ?? []) {
      const protocol = port.protocol ?? 'TCP';
      if (protocol !== 'TCP' && protocol !== 'UDP') continue;
      const proto = protocol.toLowerCase();
      const own = key(service) === 'default/kubernetes';
      const targets = own
        ? [{ ip: input.apiServer.host, port: input.apiServer.port }]
        : targetsOf(service, port.name ?? '', protocol, input.slices);
      const matches = addresses.map((ip) => `-d ${ip}/32 -p ${proto} -m ${proto} --dport ${port.port}`);
      if (port.nodePort) matches.push(`-d ${input.nodeAddress}/32 -p ${proto} -m ${proto} --dport ${port.nodePort}`);
      if (matches.length === 0) continue;
      if (targets.length === 0) {
        const how = proto === 'tcp' ? 'tcp-reset' : 'icmp-port-unreachable';
        for (const match of matches)
          filter.push(
            `-A RIG-FILTER ${match} -m comment --comment "${key(service)} has no endpoints" -j REJECT --reject-with ${how}`,
          );
        continue;
      }
      const affinity =
        spec.sessionAffinity === 'ClientIP'
          ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySeconds)
          : undefined;
      balanced(
        `${key(service)}:${port.name ?? port.port}`,
        matches,
        chainName('SVC', [key(service), port.name ?? '', String(port.port), proto]),
        targets,
        affinity,
      );
    }
  }
  // A pod that reaches itself through its service must see an answer from the service.
  for (const ip of [...hairpins].sort()) nat.push(`-A RIG-MASQ -s ${ip}/32 -d ${ip}/32 -j MASQUERADE`);
  // What no rule has led anywhere is told so at once.
  filter.push(`-A RIG-FILTER -d ${input.serviceCidr} -p tcp -j REJECT --reject-with tcp-reset`);
  filter.push(`-A RIG-FILTER -d ${input.serviceCidr} -j REJECT --reject-with icmp-port-unreachable`);
  return [
    '*nat',
    ...chains.map((it) => `:${it} - [0:0]`),
    ...nat,
    'COMMIT',
    '*filter',
    ':RIG-FILTER - [0:0]',
    ...filter,
    'COMMIT',
    '',
  ].join('\n');
}

const key = (service: Service): string => `${service.metadata.namespace}/${service.metadata.name}`;
