// ControlPlane: istiod as Istio runs it: Deployment, Service, identity and rights, mesh configuration, validation webhook.
import type { Construct } from 'constructs';
import { Annotation, Component, Label, Port, PROXY_GID, PROXY_UID, TOKEN_AUDIENCE } from '#api/names.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import { Resource } from '../workload/resource.ts';
import { controlPlaneClusterRules, controlPlaneRules } from './control-plane-rbac.ts';
import {
  clusterDomain,
  imageOf,
  type MeshSettings,
  meshConfigMapName,
  meshNamespace as namespace,
  meshRevision,
  partLabels,
  toMeshConfig,
} from './mesh-settings.ts';
import { toYamlText } from './yaml-text.ts';

const name = Component.istiod;
const labels = partLabels(name, 'Pilot');

export class ControlPlane extends MeshConstruct {
  constructor(scope: Construct, id: string, settings: MeshSettings) {
    super(scope, id);
    this.addIdentity();
    new Resource(this, 'mesh-config', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: meshConfigMapName,
      namespace,
      labels: { ...labels, [Label.config]: 'true' },
      body: { data: { mesh: toYamlText(toMeshConfig(settings)), meshNetworks: 'networks: {}\n' } },
    });
    this.addService();
    new Resource(this, 'deployment', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name,
      namespace,
      labels: { ...labels, istio: 'pilot' },
      body: { spec: deploymentSpec(settings) },
    });
    this.addValidation();
  }

  private addIdentity(): void {
    const clusterRole = `istiod-clusterrole-${namespace}`;
    const subjects = [{ kind: 'ServiceAccount', name, namespace }];
    new Resource(this, 'account', { apiVersion: 'v1', kind: 'ServiceAccount', name, namespace, labels });
    const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', labels };
    new Resource(this, 'cluster-role', {
      ...rbac,
      kind: 'ClusterRole',
      name: clusterRole,
      clusterScoped: true,
      body: { rules: controlPlaneClusterRules },
    });
    new Resource(this, 'cluster-role-binding', {
      ...rbac,
      kind: 'ClusterRoleBinding',
      name: clusterRole,
      clusterScoped: true,
      body: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole }, subjects },
    });
    new Resource(this, 'role', { ...rbac, kind: 'Role', name, namespace, body: { rules: controlPlaneRules } });
    new Resource(this, 'role-binding', {
      ...rbac,
      kind: 'RoleBinding',
      name,
      namespace,
      body: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name }, subjects },
    });
  }

  private addService(): void {
    new Resource(this, 'service', {
      apiVersion: 'v1',
      kind: 'Service',
      name,
      namespace,
      labels: { ...labels, istio: 'pilot' },
      body: {
        spec: {
          selector: { app: name, istio: 'pilot' },
          ports: [
            { name: 'grpc-xds', port: Port.xdsPlaintext, protocol: 'TCP', targetPort: Port.xdsPlaintext },
            { name: 'https-dns', port: Port.xds, protocol: 'TCP', targetPort: Port.xds },
            { name: 'https-webhook', port: 443, protocol: 'TCP', targetPort: Port.webhooks },
            {
              name: 'http-monitoring',
              port: Port.istiodMonitoring,
              protocol: 'TCP',
              targetPort: Port.istiodMonitoring,
            },
          ],
        },
      },
    });
  }

  /** Two configurations, as Istio has them: objects of this revision, and objects of none. istiod fills in the CA bundle. */
  private addValidation(): void {
    const webhook = (webhookName: string, objectSelector: unknown) => ({
      name: webhookName,
      admissionReviewVersions: ['v1'],
      clientConfig: { service: { name, namespace, path: '/validate', port: 443 } },
      // Nothing is blocked while istiod is not up yet; once it answers, what it refuses is refused.
      failurePolicy: 'Ignore',
      objectSelector,
      rules: [
        {
          apiGroups: ['security.istio.io', 'networking.istio.io', 'telemetry.istio.io', 'extensions.istio.io'],
          apiVersions: ['*'],
          operations: ['CREATE', 'UPDATE'],
          resources: ['*'],
          scope: '*',
        },
      ],
      sideEffects: 'None',
    });
    const admission = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      clusterScoped: true as const,
    };
    const ofRevision = { matchExpressions: [{ key: Label.revision, operator: 'In', values: [meshRevision] }] };
    const ofNone = { matchExpressions: [{ key: Label.revision, operator: 'DoesNotExist' }] };
    new Resource(this, 'validator', {
      ...admission,
      name: `istio-validator-${namespace}`,
      labels: { ...labels, istio: name },
      body: { webhooks: [webhook('rev.validation.istio.io', ofRevision)] },
    });
    new Resource(this, 'default-validator', {
      ...admission,
      name: 'istiod-default-validator',
      labels: { ...labels, istio: name },
      body: { webhooks: [webhook('validation.istio.io', ofNone)] },
    });
  }
}

const fromField = (variable: string, fieldPath: string) => ({
  name: variable,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
});

function deploymentSpec(settings: MeshSettings): Record<string, unknown> {
  const select = { app: name, istio: 'pilot' };
  return {
    replicas: 1,
    selector: { matchLabels: select },
    strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' }, type: 'RollingUpdate' },
    template: {
      metadata: {
        labels: { ...labels, ...select, [Label.inject]: 'false', [Label.dataplaneMode]: 'none' },
        annotations: {
          'sidecar.istio.io/inject': 'false',
          [Annotation.prometheusPort]: String(Port.istiodMonitoring),
          [Annotation.prometheusScrape]: 'true',
        },
      },
      spec: {
        serviceAccountName: name,
        containers: [container(settings)],
        tolerations: [{ key: 'cni.istio.io/not-ready', operator: 'Exists' }],
        volumes,
      },
    },
  };
}

function container(settings: MeshSettings): Record<string, unknown> {
  const port = (containerPort: number, portName: string) => ({ containerPort, name: portName, protocol: 'TCP' });
  return {
    name: 'discovery',
    image: imageOf(settings, 'pilot'),
    imagePullPolicy: 'IfNotPresent',
    args: [
      'discovery',
      `--monitoringAddr=:${Port.istiodMonitoring}`,
      '--log_output_level=default:info',
      '--domain',
      clusterDomain,
      '--keepaliveMaxServerConnectionAge',
      '30m',
    ],
    ports: [
      port(Port.istiodHttp, 'http-debug'),
      port(Port.xdsPlaintext, 'grpc-xds'),
      port(Port.xds, 'tls-xds'),
      port(Port.webhooks, 'https-webhooks'),
      port(Port.istiodMonitoring, 'http-monitoring'),
    ],
    readinessProbe: {
      httpGet: { path: '/ready', port: Port.istiodHttp },
      initialDelaySeconds: 1,
      periodSeconds: 3,
      timeoutSeconds: 5,
    },
    env: [
      { name: 'REVISION', value: meshRevision },
      { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
      fromField('POD_NAME', 'metadata.name'),
      fromField('POD_NAMESPACE', 'metadata.namespace'),
      fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      { name: 'KUBECONFIG', value: '/var/run/secrets/remote/config' },
      { name: 'CA_TRUSTED_NODE_ACCOUNTS', value: `${namespace}/ztunnel` },
      { name: 'PILOT_TRACE_SAMPLING', value: String(settings.traceSampling) },
      { name: 'PILOT_ENABLE_ANALYSIS', value: 'false' },
      { name: 'CLUSTER_ID', value: settings.clusterId },
    ],
    resources: settings.controlPlaneResources,
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsGroup: PROXY_GID,
      runAsNonRoot: true,
      runAsUser: PROXY_UID,
    },
    volumeMounts: [
      { name: 'istio-token', mountPath: '/var/run/secrets/tokens', readOnly: true },
      { name: 'local-certs', mountPath: '/var/run/secrets/istio-dns' },
      { name: 'cacerts', mountPath: '/etc/cacerts', readOnly: true },
      { name: 'istio-kubeconfig', mountPath: '/var/run/secrets/remote', readOnly: true },
      { name: 'istio-csr-dns-cert', mountPath: '/var/run/secrets/istiod/tls', readOnly: true },
      { name: 'istio-csr-ca-configmap', mountPath: '/var/run/secrets/istiod/ca', readOnly: true },
    ],
  };
}

const secret = (volume: string, secretName: string) => ({ name: volume, secret: { secretName, optional: true } });

const volumes: readonly Record<string, unknown>[] = [
  { name: 'local-certs', emptyDir: { medium: 'Memory' } },
  {
    name: 'istio-token',
    projected: {
      sources: [{ serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: 43200, path: 'istio-token' } }],
    },
  },
  secret('cacerts', 'cacerts'),
  secret('istio-kubeconfig', 'istio-kubeconfig'),
  secret('istio-csr-dns-cert', 'istiod-tls'),
  { name: 'istio-csr-ca-configmap', configMap: { name: 'istio-ca-root-cert', defaultMode: 420, optional: true } },
];
