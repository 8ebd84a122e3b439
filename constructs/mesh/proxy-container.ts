// The container istio-proxy, as Istio writes it: in the injection template its values are `${}` fields, in a gateway they are known.
import { Annotation, Component, Port, PROXY_GID, PROXY_UID, TOKEN_AUDIENCE } from '#api/names.ts';

/** What differs between a sidecar in the template and a gateway in a Deployment. */
export interface ProxyContainerValues {
  readonly role: 'sidecar' | 'router';
  readonly image: string;
  readonly pullPolicy: string;
  /** Address of the control plane: `istiod.istio-system.svc:15012`. */
  readonly discoveryAddress: string;
  /** Suffix of the cluster's names: `cluster.local`. */
  readonly clusterDomain: string;
  readonly clusterId: string;
  readonly trustDomain: string;
  readonly meshId: string;
  /** Set for pods of a named network; undefined leaves the variable out. */
  readonly network: string | undefined;
  readonly proxyLogLevel: string;
  readonly agentLogLevel: string;
  readonly resources: unknown;
  /** Variables beside the fixed ones. */
  readonly env: readonly unknown[];
  readonly workloadName: string;
  readonly owner: string;
  /** JSON of the ProxyConfig. */
  readonly proxyConfig: string;
  readonly ports: readonly unknown[];
  readonly securityContext?: Readonly<Record<string, unknown>> | undefined;
}

const fromField = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** Paths inside the container, shared by mounts and the volumes below. */
export function proxyContainer(values: ProxyContainerValues): Record<string, unknown> {
  const probe = { httpGet: { path: '/healthz/ready', port: Port.readiness }, timeoutSeconds: 3 };
  return {
    name: Component.proxyContainer,
    image: values.image,
    imagePullPolicy: values.pullPolicy,
    args: [
      'proxy',
      values.role,
      '--domain',
      `$(POD_NAMESPACE).svc.${values.clusterDomain}`,
      `--proxyLogLevel=${values.proxyLogLevel}`,
      '--proxyComponentLogLevel=misc:error',
      `--log_output_level=${values.agentLogLevel}`,
    ],
    env: [
      { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
      { name: 'CA_ADDR', value: values.discoveryAddress },
      fromField('POD_NAME', 'metadata.name'),
      fromField('POD_NAMESPACE', 'metadata.namespace'),
      fromField('INSTANCE_IP', 'status.podIP'),
      fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      fromField('HOST_IP', 'status.hostIP'),
      { name: 'ISTIO_CPU_LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1' } } },
      { name: 'PROXY_CONFIG', value: values.proxyConfig },
      { name: 'ISTIO_META_CLUSTER_ID', value: values.clusterId },
      fromField('ISTIO_META_NODE_NAME', 'spec.nodeName'),
      { name: 'ISTIO_META_WORKLOAD_NAME', value: values.workloadName },
      { name: 'ISTIO_META_OWNER', value: values.owner },
      { name: 'ISTIO_META_MESH_ID', value: values.meshId },
      { name: 'TRUST_DOMAIN', value: values.trustDomain },
      ...(values.network === undefined ? [] : [{ name: 'ISTIO_META_NETWORK', value: values.network }]),
      ...values.env,
    ],
    ports: values.ports,
    readinessProbe: { ...probe, periodSeconds: 15, failureThreshold: 4 },
    startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 600 },
    resources: values.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: PROXY_GID,
      runAsNonRoot: true,
      runAsUser: PROXY_UID,
      ...values.securityContext,
    },
    volumeMounts: [
      { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' },
      { name: 'credential-socket', mountPath: '/var/run/secrets/credential-uds' },
      { name: 'workload-certs', mountPath: '/var/run/secrets/workload-spiffe-credentials' },
      { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
      { name: 'istio-ca-crl', mountPath: '/var/run/secrets/istio/crl' },
      { name: 'istio-data', mountPath: '/var/lib/istio/data' },
      { name: 'istio-envoy', mountPath: '/etc/istio/proxy' },
      { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
      { name: 'istio-podinfo', mountPath: '/etc/istio/pod' },
    ],
  };
}

/** The volumes behind the mounts of `proxyContainer`. */
export const proxyVolumes: readonly Record<string, unknown>[] = [
  { name: 'workload-socket', emptyDir: {} },
  { name: 'credential-socket', emptyDir: {} },
  { name: 'workload-certs', emptyDir: {} },
  { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
  { name: 'istio-ca-crl', configMap: { name: 'istio-ca-crl', optional: true } },
  { name: 'istio-data', emptyDir: {} },
  { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
  {
    name: 'istio-token',
    projected: {
      sources: [{ serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: 43200, path: 'istio-token' } }],
    },
  },
  {
    name: 'istio-podinfo',
    downwardAPI: {
      items: [
        { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
      ],
    },
  },
];

/** Annotations by which Prometheus finds the merged metrics of a proxy. */
export const prometheusAnnotations: Readonly<Record<string, string>> = {
  [Annotation.prometheusScrape]: 'true',
  [Annotation.prometheusPort]: String(Port.agentStatus),
  [Annotation.prometheusPath]: '/stats/prometheus',
};
