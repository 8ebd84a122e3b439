// Prometheus: scrapes the mesh by annotations; the database behind dashboards. In memory of the pod, for trying things out.
import type { Construct } from 'constructs';
import { SYSTEM_NAMESPACE } from '#api/names.ts';
import { toYamlText } from '../../constructs/mesh/yaml-text.ts';
import { MeshConstruct } from '../../constructs/workload/mesh-construct.ts';
import { Resource } from '../../constructs/workload/resource.ts';
import { scrapeConfig } from './scrape-config.ts';

export interface PrometheusProps {
  /** @default 'docker.io/prom/prometheus:v2.42.0' */
  readonly image?: string | undefined;
  /** How long samples are kept. @default '6h' */
  readonly retention?: string | undefined;
}

const name = 'prometheus';
const namespace = SYSTEM_NAMESPACE;
const labels = { app: name, 'app.kubernetes.io/name': name, 'app.kubernetes.io/managed-by': 'rigging' };
const PORT = 9090;
const UID = 65534;

/** @see https://istio.io/latest/docs/ops/integrations/prometheus/ */
export class Prometheus extends MeshConstruct {
  constructor(scope: Construct, id: string, props: PrometheusProps = {}) {
    super(scope, id);
    new Resource(this, 'account', { apiVersion: 'v1', kind: 'ServiceAccount', name, namespace, labels });
    const rbac = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      clusterScoped: true as const,
      name: `${name}-${namespace}`,
    };
    new Resource(this, 'role', {
      ...rbac,
      kind: 'ClusterRole',
      labels,
      body: { rules: [{ apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['get', 'list', 'watch'] }] },
    });
    new Resource(this, 'role-binding', {
      ...rbac,
      kind: 'ClusterRoleBinding',
      labels,
      body: {
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: rbac.name },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      },
    });
    new Resource(this, 'config', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name,
      namespace,
      labels,
      body: { data: { 'prometheus.yml': toYamlText(scrapeConfig()) } },
    });
    new Resource(this, 'service', {
      apiVersion: 'v1',
      kind: 'Service',
      name,
      namespace,
      labels,
      body: {
        spec: { selector: { app: name }, ports: [{ name: 'http', port: PORT, protocol: 'TCP', targetPort: PORT }] },
      },
    });
    new Resource(this, 'deployment', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name,
      namespace,
      labels,
      body: { spec: deploymentSpec(props) },
    });
  }
}

const deploymentSpec = (props: PrometheusProps): Record<string, unknown> => ({
  replicas: 1,
  selector: { matchLabels: { app: name } },
  template: {
    metadata: { labels: { ...labels, 'sidecar.istio.io/inject': 'false' } },
    spec: {
      serviceAccountName: name,
      securityContext: { fsGroup: UID, runAsGroup: UID, runAsNonRoot: true, runAsUser: UID },
      containers: [
        {
          name,
          image: props.image ?? 'docker.io/prom/prometheus:v2.42.0',
          imagePullPolicy: 'IfNotPresent',
          args: [
            '--config.file=/etc/prometheus/prometheus.yml',
            '--storage.tsdb.path=/data',
            `--storage.tsdb.retention.time=${props.retention ?? '6h'}`,
          ],
          ports: [{ containerPort: PORT, name: 'http', protocol: 'TCP' }],
          readinessProbe: { httpGet: { path: '/-/ready', port: PORT }, periodSeconds: 5, timeoutSeconds: 5 },
          volumeMounts: [
            { name: 'config', mountPath: '/etc/prometheus' },
            { name: 'data', mountPath: '/data' },
          ],
        },
      ],
      volumes: [
        { name: 'config', configMap: { name } },
        { name: 'data', emptyDir: {} },
      ],
    },
  },
});
