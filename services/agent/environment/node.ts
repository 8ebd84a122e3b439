// The xDS node: who this proxy is, from the pod's environment, labels and annotations, as istio-agent builds it.
import { isIP } from 'node:net';
import type { PodInfo } from './pod-info.ts';
import type { ProxyConfig } from './proxy-config.ts';
import { AgentConfigError, type Variables } from './variables.ts';

/** The version of Istio whose control planes and tools find what they expect in our proxies. */
export const ISTIO_VERSION = '1.30.0';

/** The `node` of the first discovery request (envoy.config.core.v3.Node, canonical JSON names). */
export interface AgentNode {
  /** `sidecar~<ip>~<pod>.<namespace>~<namespace>.svc.cluster.local` */
  readonly id: string;
  /** `<app>.<namespace>` */
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly subZone?: string };
  readonly userAgentName: string;
  readonly userAgentVersion: string;
}

export type ProxyRole = 'sidecar' | 'router' | 'waypoint';

/** What `proxy ROLE --domain ...` says. */
export interface ProxyArguments {
  readonly role: ProxyRole;
  readonly domain: string | undefined;
  readonly serviceCluster: string | undefined;
}

/** Reads the arguments after `proxy`; flags that only steer Envoy's logs are accepted and ignored. */
export function readProxyArguments(args: readonly string[]): ProxyArguments {
  const [role = '', ...rest] = args;
  if (role !== 'sidecar' && role !== 'router' && role !== 'waypoint') {
    throw new AgentConfigError(`proxy role ${JSON.stringify(role)} is unknown; use sidecar, router or waypoint`);
  }
  const value = (flag: string): string | undefined => {
    const inline = rest.find((argument) => argument.startsWith(`${flag}=`));
    if (inline !== undefined) return inline.slice(flag.length + 1);
    const at = rest.indexOf(flag);
    return at === -1 ? undefined : rest[at + 1];
  };
  return { role, domain: value('--domain'), serviceCluster: value('--serviceCluster') };
}

/** Builds the node. */
export function buildNode(args: ProxyArguments, env: Variables, pod: PodInfo, config: ProxyConfig): AgentNode {
  const name = required(env, 'POD_NAME');
  const namespace = required(env, 'POD_NAMESPACE');
  const addresses = (env['INSTANCE_IP'] ?? '').split(',').filter((address) => isIP(address) !== 0);
  if (addresses.length === 0)
    throw new AgentConfigError('INSTANCE_IP is no IP address; the injected pod takes it from status.podIP');
  const domain = args.domain ?? `${namespace}.svc.cluster.local`;
  const metadata = buildMetadata(env, pod, config, { name, namespace, addresses });
  return {
    id: [args.role, addresses[0], `${name}.${namespace}`, domain].join('~'),
    cluster: args.serviceCluster ?? clusterOf(pod, namespace, config),
    metadata,
    locality: localityOf(pod),
    userAgentName: 'rigging',
    userAgentVersion: ISTIO_VERSION,
  };
}

function buildMetadata(
  env: Variables,
  pod: PodInfo,
  config: ProxyConfig,
  self: { name: string; namespace: string; addresses: readonly string[] },
): Record<string, unknown> {
  const fromEnvironment: Record<string, unknown> = {};
  for (const [variable, text = ''] of Object.entries(env)) {
    if (variable.startsWith('ISTIO_METAJSON_')) fromEnvironment[variable.slice(15)] = parseJson(variable, text);
    else if (variable.startsWith('ISTIO_META_')) fromEnvironment[variable.slice(11)] = text;
  }
  return {
    CLUSTER_ID: 'Kubernetes',
    INTERCEPTION_MODE: 'REDIRECT',
    ...fromEnvironment,
    NAME: self.name,
    NAMESPACE: self.namespace,
    INSTANCE_IPS: self.addresses.join(','),
    SERVICE_ACCOUNT: env['SERVICE_ACCOUNT'] ?? 'default',
    ISTIO_VERSION: env['ISTIO_VERSION'] ?? ISTIO_VERSION,
    LABELS: { ...asObject(fromEnvironment['LABELS']), ...pod.labels },
    ANNOTATIONS: { ...asObject(fromEnvironment['ANNOTATIONS']), ...pod.annotations },
    PROXY_CONFIG: config.raw,
    PILOT_SAN: [hostOf(config.discoveryAddress)],
    ENVOY_STATUS_PORT: 15_021,
    ENVOY_PROMETHEUS_PORT: 15_090,
  };
}

/** Host of `host:port`. */
export const hostOf = (address: string): string => address.replace(/:\d+$/, '');

function clusterOf(pod: PodInfo, namespace: string, config: ProxyConfig): string {
  if (config.serviceCluster !== 'istio-proxy') return config.serviceCluster;
  return `${pod.labels['app'] ?? pod.labels['service.istio.io/canonical-name'] ?? 'istio-proxy'}.${namespace}`;
}

function localityOf({ labels }: PodInfo): { region?: string; zone?: string; subZone?: string } {
  const region = labels['topology.kubernetes.io/region'];
  const zone = labels['topology.kubernetes.io/zone'];
  const subZone = labels['topology.istio.io/subzone'];
  return {
    ...(region === undefined ? {} : { region }),
    ...(zone === undefined ? {} : { zone }),
    ...(subZone === undefined ? {} : { subZone }),
  };
}

function parseJson(variable: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AgentConfigError(`${variable} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

const asObject = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});

function required(env: Variables, name: string): string {
  const text = env[name];
  if (text === undefined || text === '')
    throw new AgentConfigError(`${name} is not set; the injected pod takes it from its own metadata`);
  return text;
}
