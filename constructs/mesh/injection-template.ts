// The injection template `sidecar`: a pod that is merged over the app's, with `${}` fields that the webhook fills in.
// Rules of the format (the only ones; Go templates are refused):
//   "${field}" alone          becomes the value with its type; an undefined value removes the key or the list item
//   text with "${field}"      becomes text
//   a list item "${field}"    whose value is a list is spliced into the list
//   {$if: "${field}", ...}    is removed where the field is false, empty or undefined; "!${field}" negates
import { Annotation, Component, Label, PROXY_GID, PROXY_UID } from '#api/names.ts';
import { proxyContainer, proxyVolumes } from './proxy-container.ts';

/** Fields that the webhook provides, with what they hold. */
export const injectionFields = {
  'proxy.image':
    'image of the proxy: annotation sidecar.istio.io/proxyImage, else values.global.proxy.image under hub and tag',
  'proxy.initImage': 'image of istio-init: values.global.proxy_init.image under hub and tag',
  'proxy.pullPolicy': 'values.global.imagePullPolicy, default IfNotPresent',
  'proxy.resources': 'object: annotations sidecar.istio.io/proxyCPU and the like, else values.global.proxy.resources',
  'proxy.logLevel': 'annotation sidecar.istio.io/logLevel, else values.global.proxy.logLevel',
  'proxy.agentLogLevel': 'annotation sidecar.istio.io/agentLogLevel, else values.global.logging.level',
  'proxy.config': 'JSON of the ProxyConfig in force for the pod',
  'proxy.env': 'list of env entries: the proxyMetadata of that ProxyConfig',
  'proxy.native': 'whether the proxy is a native sidecar (init container with restartPolicy Always)',
  'proxy.holdApplication': 'holdApplicationUntilProxyStarts of that ProxyConfig',
  'proxy.interceptionMode': 'REDIRECT or NONE',
  'discovery.address': 'discoveryAddress of that ProxyConfig',
  'init.enabled': 'whether the pod gets istio-init: interception is on and no CNI plug-in does it',
  'init.args': 'list: the arguments after istio-iptables, from the traffic.sidecar.istio.io annotations',
  'mesh.id': 'values.global.meshID, else the trust domain',
  'mesh.trustDomain': 'trust domain of the mesh',
  'mesh.clusterId': 'cluster id, also from the path of the webhook',
  'mesh.clusterDomain': 'values.global.proxy.clusterDomain, default cluster.local',
  'mesh.network': 'label topology.istio.io/network of the pod, else values.global.network; undefined where none',
  'mesh.revision': 'revision of the control plane',
  'pod.canonicalName': 'value of label service.istio.io/canonical-name',
  'pod.canonicalRevision': 'value of label service.istio.io/canonical-revision',
  'pod.workloadName': 'name of the owner: the Deployment for a pod of a ReplicaSet',
  'pod.owner': 'kubernetes://apis/<group>/<version>/namespaces/<ns>/<plural>/<name>',
  'pod.ports': 'JSON list of the container ports of the app',
  'pod.appContainers': 'names of the app containers, comma-separated',
  'pod.defaultContainer': 'name of the first app container',
  'pod.appProbers': 'JSON of the rewritten probes; undefined where none',
  'pod.prometheus': "JSON of the app's prometheus.io annotations; undefined where none",
  'pod.prometheusAnnotations': 'whether metrics are merged: the pod gets prometheus.io annotations',
} as const;

export type InjectionField = keyof typeof injectionFields;

const field = (name: InjectionField): string => `\${${name}}`;

/** What the container of a sidecar and of a gateway take from the pod and the mesh alike. */
const proxyFields = {
  image: field('proxy.image'),
  pullPolicy: field('proxy.pullPolicy'),
  discoveryAddress: field('discovery.address'),
  clusterDomain: field('mesh.clusterDomain'),
  clusterId: field('mesh.clusterId'),
  trustDomain: field('mesh.trustDomain'),
  meshId: field('mesh.id'),
  network: field('mesh.network'),
  proxyLogLevel: field('proxy.logLevel'),
  agentLogLevel: field('proxy.agentLogLevel'),
  resources: field('proxy.resources'),
  workloadName: field('pod.workloadName'),
  owner: field('pod.owner'),
  proxyConfig: field('proxy.config'),
};

/** The pod of template `sidecar`. */
export function sidecarTemplate(): Record<string, unknown> {
  const proxy = {
    ...proxyContainer({
      role: 'sidecar',
      ...proxyFields,
      ports: [{ containerPort: 15090, name: 'http-envoy-prom', protocol: 'TCP' }],
      env: [
        { name: 'ISTIO_META_POD_PORTS', value: field('pod.ports') },
        { name: 'ISTIO_META_APP_CONTAINERS', value: field('pod.appContainers') },
        { name: 'ISTIO_META_INTERCEPTION_MODE', value: field('proxy.interceptionMode') },
        { $if: field('pod.appProbers'), name: 'ISTIO_KUBE_APP_PROBERS', value: field('pod.appProbers') },
        { $if: field('pod.prometheus'), name: 'ISTIO_PROMETHEUS_ANNOTATIONS', value: field('pod.prometheus') },
        field('proxy.env'),
      ],
    }),
  };
  return {
    metadata: {
      labels: {
        [Label.tlsMode]: 'istio',
        [Label.canonicalName]: field('pod.canonicalName'),
        [Label.canonicalRevision]: field('pod.canonicalRevision'),
      },
      annotations: {
        [Label.revision]: field('mesh.revision'),
        [Annotation.defaultContainer]: field('pod.defaultContainer'),
        [Annotation.defaultLogsContainer]: field('pod.defaultContainer'),
      },
    },
    spec: {
      initContainers: [
        initContainer(),
        {
          $if: field('proxy.native'),
          ...proxy,
          restartPolicy: 'Always',
          lifecycle: {
            preStop: { exec: { command: ['pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'] } },
          },
        },
      ],
      containers: [{ $if: `!${field('proxy.native')}`, ...proxy }],
      volumes: proxyVolumes,
    },
  };
}

function initContainer(): Record<string, unknown> {
  return {
    $if: field('init.enabled'),
    name: Component.initContainer,
    image: field('proxy.initImage'),
    imagePullPolicy: field('proxy.pullPolicy'),
    args: ['istio-iptables', field('init.args')],
    resources: field('proxy.resources'),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: false,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  };
}

/** The pod of template `gateway`: a router in a pod that declares container `istio-proxy` with image `auto`. */
export function gatewayTemplate(): Record<string, unknown> {
  const sidecar = sidecarTemplate();
  const { metadata } = sidecar;
  const container = proxyContainer({
    role: 'router',
    ...proxyFields,
    ports: [
      { containerPort: 15090, name: 'http-envoy-prom', protocol: 'TCP' },
      { containerPort: 15020, name: 'metrics', protocol: 'TCP' },
      { containerPort: 15021, name: 'status-port', protocol: 'TCP' },
    ],
    env: [
      { name: 'ISTIO_META_POD_PORTS', value: field('pod.ports') },
      { name: 'ISTIO_META_APP_CONTAINERS', value: field('pod.appContainers') },
      field('proxy.env'),
    ],
  });
  return {
    metadata,
    spec: {
      securityContext: {
        runAsUser: PROXY_UID,
        runAsGroup: PROXY_GID,
        sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
      },
      containers: [container],
      volumes: proxyVolumes,
    },
  };
}
