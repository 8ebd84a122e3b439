// The pods behind Gateways: a proxy in router mode, its Service and identity. Not injected, so it starts without the webhook.
import type { Construct } from 'constructs';
import { Component, Label, PROXY_GID, PROXY_UID } from '#api/names.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import { Resource } from '../workload/resource.ts';
import {
  clusterDomain,
  discoveryAddress,
  imageOf,
  type MeshSettings,
  meshNamespace as namespace,
  partLabels,
} from './mesh-settings.ts';
import { prometheusAnnotations, proxyContainer, proxyVolumes } from './proxy-container.ts';

export interface GatewayDeploymentProps {
  readonly settings: MeshSettings;
  readonly direction: 'ingress' | 'egress';
  /** @default 1 */
  readonly replicas?: number | undefined;
}

const servicePorts = [
  { name: 'status-port', port: 15021, protocol: 'TCP', targetPort: 15021 },
  { name: 'http2', port: 80, protocol: 'TCP', targetPort: 8080 },
  { name: 'https', port: 443, protocol: 'TCP', targetPort: 8443 },
];

/** `istio-ingressgateway` or `istio-egressgateway`. */
export class GatewayDeployment extends MeshConstruct {
  constructor(scope: Construct, id: string, props: GatewayDeploymentProps) {
    super(scope, id);
    const ingress = props.direction === 'ingress';
    const name = ingress ? Component.ingressGateway : Component.egressGateway;
    const select = { app: name, istio: `${props.direction}gateway` };
    const labels = { ...partLabels(name, ingress ? 'IngressGateways' : 'EgressGateways'), ...select };
    const account = `${name}-service-account`;
    new Resource(this, 'account', { apiVersion: 'v1', kind: 'ServiceAccount', name: account, namespace, labels });
    const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', name: `${name}-sds`, namespace, labels };
    new Resource(this, 'role', {
      ...rbac,
      kind: 'Role',
      body: { rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }] },
    });
    new Resource(this, 'role-binding', {
      ...rbac,
      kind: 'RoleBinding',
      body: {
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `${name}-sds` },
        subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
      },
    });
    new Resource(this, 'service', {
      apiVersion: 'v1',
      kind: 'Service',
      name,
      namespace,
      labels,
      body: {
        spec: {
          type: ingress ? 'LoadBalancer' : 'ClusterIP',
          selector: select,
          ports: ingress ? servicePorts : servicePorts.slice(1),
        },
      },
    });
    new Resource(this, 'deployment', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name,
      namespace,
      labels,
      body: { spec: deploymentSpec(name, account, select, labels, props) },
    });
  }
}

function deploymentSpec(
  name: string,
  account: string,
  select: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
  { settings, replicas }: GatewayDeploymentProps,
): Record<string, unknown> {
  return {
    replicas: replicas ?? 1,
    selector: { matchLabels: select },
    strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' }, type: 'RollingUpdate' },
    template: {
      metadata: {
        labels: {
          ...labels,
          [Label.inject]: 'false',
          [Label.canonicalName]: name,
          [Label.canonicalRevision]: 'latest',
          [Label.dataplaneMode]: 'none',
        },
        annotations: { ...prometheusAnnotations, 'sidecar.istio.io/inject': 'false' },
      },
      spec: {
        serviceAccountName: account,
        securityContext: { runAsGroup: PROXY_GID, runAsNonRoot: true, runAsUser: PROXY_UID },
        containers: [routerContainer(name, settings)],
        volumes: proxyVolumes,
      },
    },
  };
}

function routerContainer(name: string, settings: MeshSettings): Record<string, unknown> {
  const port = (containerPort: number, portName?: string) => ({
    containerPort,
    ...(portName ? { name: portName } : {}),
    protocol: 'TCP',
  });
  return proxyContainer({
    role: 'router',
    image: imageOf(settings, 'proxyv2'),
    pullPolicy: 'IfNotPresent',
    discoveryAddress,
    clusterDomain,
    clusterId: settings.clusterId,
    trustDomain: settings.trustDomain,
    meshId: settings.trustDomain,
    network: undefined,
    proxyLogLevel: 'warning',
    agentLogLevel: 'default:info',
    resources: settings.proxyResources,
    env: [{ name: 'ISTIO_META_UNPRIVILEGED_POD', value: 'true' }],
    workloadName: name,
    owner: `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
    proxyConfig: '{}',
    ports: [port(15021), port(8080), port(8443), port(15020, 'metrics'), port(15090, 'http-envoy-prom')],
  });
}
