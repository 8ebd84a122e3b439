// Content of a pod's /etc/resolv.conf and /etc/hosts.
import type { Pod } from '../pod-types.ts';

export interface DnsSettings {
  readonly clusterDns: string;
  readonly clusterDomain: string;
}

/** resolv.conf by dnsPolicy and dnsConfig. The node's own resolver is never handed on: nothing outside the cluster answers. */
export function toResolvConf(pod: Pod, settings: DnsSettings): string {
  const { dnsConfig } = pod.spec;
  const namespace = pod.metadata.namespace ?? 'default';
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  const cluster = policy !== 'None';
  const domain = settings.clusterDomain;
  const servers = [...(cluster ? [settings.clusterDns] : []), ...(dnsConfig?.nameservers ?? [])];
  const searches = [
    ...(cluster ? [`${namespace}.svc.${domain}`, `svc.${domain}`, domain] : []),
    ...(dnsConfig?.searches ?? []),
  ];
  const options = new Map<string, string | undefined>(cluster ? [['ndots', '5']] : []);
  for (const { name, value } of dnsConfig?.options ?? []) options.set(name, value);
  const words = [...options].map(([name, value]) => (value === undefined || value === '' ? name : `${name}:${value}`));
  const unique = (list: string[]): string[] => [...new Set(list)].filter((text) => /^[\w.:-]+$/.test(text));
  return [
    ...unique(servers).map((server) => `nameserver ${server}\n`),
    searches.length > 0 ? `search ${unique(searches).join(' ')}\n` : '',
    words.length > 0 ? `options ${unique(words).join(' ')}\n` : '',
  ].join('');
}

/** Host name of a pod: its `hostname`, else its name; at most 63 characters. */
export function toHostname(pod: Pod): string {
  return (pod.spec.hostname || pod.metadata.name).slice(0, 63).replace(/[-.]+$/, '');
}

/** The hosts file as the kubelet writes it. */
export function toHosts(pod: Pod, ip: string, clusterDomain: string): string {
  const hostname = toHostname(pod);
  const { subdomain } = pod.spec;
  const fqdn = subdomain
    ? `${hostname}.${subdomain}.${pod.metadata.namespace ?? 'default'}.svc.${clusterDomain}\t`
    : '';
  const aliases = (pod.spec.hostAliases ?? []).map(
    ({ ip: alias, hostnames }) => `${alias}\t${(hostnames ?? []).join('\t')}\n`,
  );
  return `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
${ip}\t${fqdn}${hostname}
${aliases.length > 0 ? `\n# Entries added by HostAliases.\n${aliases.join('')}` : ''}`;
}
