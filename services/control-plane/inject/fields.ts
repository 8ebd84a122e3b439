// Values of the template's `${}` fields for one pod: from its metadata, the mesh and the Helm-style values.
import { Annotation, Component, Label } from '#api/names.ts';
import { flagAnnotation } from './annotations.ts';
import type { FIELD_NAMES } from './field-names.ts';
import { type InjectionConfig, textAt, valueAt } from './injection-config.ts';
import type { Container, Pod } from './pod.ts';
import { asDictionary } from './proxy-config.ts';
import type { Fields } from './template.ts';
import { canonicalOf, ownerUri, workloadOf } from './workload-meta.ts';

/** What is known about a pod before its template is rendered. */
export interface PodFacts {
  readonly pod: Pod;
  readonly namespace: string;
  readonly config: InjectionConfig;
  readonly proxyConfig: Record<string, unknown>;
  /** JSON for ISTIO_KUBE_APP_PROBERS. */
  readonly appProbers: string | undefined;
  /** JSON for ISTIO_PROMETHEUS_ANNOTATIONS. */
  readonly prometheus: string | undefined;
  readonly mergesMetrics: boolean;
  readonly clusterId: string | undefined;
  readonly network: string | undefined;
}

/** All fields. */
export function fieldsOf(facts: PodFacts): Fields {
  return { ...proxyFields(facts), ...meshFields(facts), ...podFields(facts) } satisfies Record<
    (typeof FIELD_NAMES)[number],
    unknown
  >;
}

/** Whether the pod's proxy is a native sidecar: annotation, then values.pilot.env.ENABLE_NATIVE_SIDECARS; on by default. */
function isNative(annotations: Readonly<Record<string, string>>, config: InjectionConfig): boolean {
  const setting = textAt(config.values, 'pilot.env.ENABLE_NATIVE_SIDECARS') ?? 'auto';
  return flagAnnotation(annotations, Annotation.nativeSidecar, setting !== 'false');
}

function proxyFields({ pod, config, proxyConfig }: PodFacts) {
  const annotations = pod.metadata.annotations ?? {};
  const { values } = config;
  const mode = interceptionMode(annotations, proxyConfig);
  const env = Object.entries(asDictionary(proxyConfig['proxyMetadata'])).map(([name, value]) => ({
    name,
    value: String(value),
  }));
  const agentLogLevel =
    annotations[Annotation.agentLogLevel] ?? textAt(values, 'global.logging.level') ?? 'default:info';
  return {
    'proxy.image': imageOf(
      config,
      annotations[Annotation.proxyImage] ?? textAt(values, 'global.proxy.image') ?? 'proxyv2',
    ),
    'proxy.initImage': imageOf(
      config,
      textAt(values, 'global.proxy_init.image') ?? textAt(values, 'global.proxy.image') ?? 'proxyv2',
    ),
    'proxy.pullPolicy': textAt(values, 'global.imagePullPolicy') ?? 'IfNotPresent',
    'proxy.resources': resourcesOf(annotations, config),
    'proxy.logLevel': annotations[Annotation.proxyLogLevel] ?? textAt(values, 'global.proxy.logLevel') ?? 'warning',
    'proxy.componentLogLevel':
      annotations[Annotation.proxyComponentLogLevel] ??
      textAt(values, 'global.proxy.componentLogLevel') ??
      'misc:error',
    'proxy.agentLogLevel': agentLogLevel,
    'proxy.config': JSON.stringify(proxyConfig),
    'proxy.env': env,
    'proxy.native': isNative(annotations, config),
    'proxy.holdApplication':
      proxyConfig['holdApplicationUntilProxyStarts'] === true ||
      valueAt(values, 'global.proxy.holdApplicationUntilProxyStarts') === true,
    'proxy.interceptionMode': mode,
    'discovery.address': textAt(values, 'global.caAddress') ?? String(proxyConfig['discoveryAddress']),
    'init.enabled':
      mode !== 'NONE' && valueAt(values, 'pilot.cni.enabled') !== true && valueAt(values, 'istio_cni.enabled') !== true,
    'init.args': initArguments(annotations, config, mode, proxyConfig, agentLogLevel),
  };
}

function meshFields({ config, clusterId, network, pod }: PodFacts) {
  const trustDomain = textAt(config.values, 'global.trustDomain') ?? config.mesh.trustDomain;
  return {
    'mesh.id': textAt(config.values, 'global.meshID') ?? trustDomain,
    'mesh.trustDomain': trustDomain,
    'mesh.clusterId': clusterId ?? textAt(config.values, 'global.multiCluster.clusterName') ?? 'Kubernetes',
    'mesh.clusterDomain': textAt(config.values, 'global.proxy.clusterDomain') ?? 'cluster.local',
    'mesh.network': network ?? pod.metadata.labels?.[Label.network] ?? textAt(config.values, 'global.network'),
    'mesh.revision': config.revision,
  };
}

function podFields({ pod, namespace, appProbers, prometheus, mergesMetrics }: PodFacts) {
  const workload = workloadOf(pod);
  const canonical = canonicalOf(pod, workload);
  const apps = pod.spec.containers.filter(({ name }) => name !== Component.proxyContainer);
  return {
    'pod.canonicalName': canonical.name === '' ? undefined : canonical.name,
    'pod.canonicalRevision': canonical.revision,
    'pod.workloadName': workload.name === '' ? undefined : workload.name,
    'pod.owner': ownerUri(workload, namespace),
    'pod.ports': JSON.stringify(pod.spec.containers.flatMap(portsOf)),
    'pod.appContainers': apps.map(({ name }) => name).join(','),
    'pod.defaultContainer': (apps[0] ?? pod.spec.containers[0])?.name,
    'pod.appProbers': appProbers,
    'pod.prometheus': prometheus,
    'pod.prometheusAnnotations': mergesMetrics,
  };
}

const portsOf = (container: Container): object[] =>
  (container.ports ?? []).map(({ name, containerPort, protocol }) => ({
    ...(name === undefined ? {} : { name }),
    containerPort,
    ...(protocol === undefined ? {} : { protocol }),
  }));

function imageOf({ values }: InjectionConfig, image: string): string {
  if (image.includes('/')) return image;
  const hub = textAt(values, 'global.hub') ?? 'docker.io/rigging';
  return `${hub}/${image}:${textAt(values, 'global.tag') ?? 'latest'}`;
}

/** One annotation replaces all defaults, as upstream does. */
function resourcesOf(annotations: Readonly<Record<string, string>>, { values }: InjectionConfig): unknown {
  const pick = (cpu: string, memory: string): Record<string, string> => ({
    ...(annotations[cpu] === undefined ? {} : { cpu: annotations[cpu] }),
    ...(annotations[memory] === undefined ? {} : { memory: annotations[memory] }),
  });
  const requests = pick(Annotation.proxyCpu, Annotation.proxyMemory);
  const limits = pick(Annotation.proxyCpuLimit, Annotation.proxyMemoryLimit);
  if (Object.keys({ ...requests, ...limits }).length === 0) return valueAt(values, 'global.proxy.resources') ?? {};
  return {
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

function interceptionMode(annotations: Readonly<Record<string, string>>, proxyConfig: Record<string, unknown>): string {
  return annotations[Annotation.interceptionMode] ?? String(proxyConfig['interceptionMode'] ?? 'REDIRECT');
}

function initArguments(
  annotations: Readonly<Record<string, string>>,
  { values }: InjectionConfig,
  mode: string,
  proxyConfig: Record<string, unknown>,
  logLevel: string,
): string[] {
  const value = (annotation: string, path: string, fallback: string): string =>
    annotations[annotation] ?? textAt(values, path) ?? fallback;
  const statusPort = annotations[Annotation.statusPort] ?? String(proxyConfig['statusPort'] ?? 15_020);
  const excludedInbound = [
    '15090',
    '15021',
    statusPort,
    ...value(Annotation.excludeInboundPorts, 'global.proxy.excludeInboundPorts', '').split(','),
  ];
  const optional = (flag: string, text: string): string[] => (text === '' ? [] : [flag, text]);
  return [
    ...['-p', '15001', '-z', '15006', '-u', '1337', '-m', mode],
    ...['-i', value(Annotation.includeOutboundIpRanges, 'global.proxy.includeIPRanges', '*')],
    ...['-x', value(Annotation.excludeOutboundIpRanges, 'global.proxy.excludeIPRanges', '')],
    ...['-b', value(Annotation.includeInboundPorts, 'global.proxy.includeInboundPorts', '*')],
    ...[
      '-d',
      [...new Set(excludedInbound.map((port) => port.trim()).filter((port) => port !== '' && port !== '0'))].join(','),
    ],
    ...optional('-q', value(Annotation.includeOutboundPorts, 'global.proxy.includeOutboundPorts', '')),
    ...optional('-o', value(Annotation.excludeOutboundPorts, 'global.proxy.excludeOutboundPorts', '')),
    ...optional('-c', annotations[Annotation.excludeInterfaces] ?? ''),
    `--log_output_level=${logLevel}`,
  ];
}
