// SidecarInjector: the webhook that adds the proxy to new pods, and the ConfigMap that says how.
import type { Construct } from 'constructs';
import { Component, ConfigMapName, Label, WebhookName } from '#api/names.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import { Resource } from '../workload/resource.ts';
import { gatewayTemplate, sidecarTemplate } from './injection-template.ts';
import {
  clusterDomain,
  type MeshSettings,
  meshNamespace as namespace,
  meshRevision,
  partLabels,
} from './mesh-settings.ts';
import { toYamlText } from './yaml-text.ts';

type Expression = { readonly key: string; readonly operator: string; readonly values?: readonly string[] };

const isIn = (key: string, ...values: string[]): Expression => ({ key, operator: 'In', values });
const isNotIn = (key: string, ...values: string[]): Expression => ({ key, operator: 'NotIn', values });
const isAbsent = (key: string): Expression => ({ key, operator: 'DoesNotExist' });

/** Which pods each webhook gets: labels of the namespace, labels of the pod. */
const webhooks: readonly (readonly [name: string, namespaces: readonly Expression[], pods: readonly Expression[]])[] = [
  ['rev.namespace', [isIn(Label.revision, meshRevision), isAbsent(Label.injection)], [isNotIn(Label.inject, 'false')]],
  [
    'rev.object',
    [isAbsent(Label.revision), isAbsent(Label.injection)],
    [isNotIn(Label.inject, 'false'), isIn(Label.revision, meshRevision)],
  ],
  ['namespace', [isIn(Label.injection, 'enabled')], [isNotIn(Label.inject, 'false')]],
  [
    'object',
    [isAbsent(Label.injection), isAbsent(Label.revision)],
    [isIn(Label.inject, 'true'), isAbsent(Label.revision)],
  ],
];

export class SidecarInjector extends MeshConstruct {
  constructor(scope: Construct, id: string, settings: MeshSettings) {
    super(scope, id);
    const labels = partLabels('sidecar-injector', 'Pilot');
    new Resource(this, 'config', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: ConfigMapName.injector,
      namespace,
      labels,
      body: {
        data: {
          config: toYamlText(injectorConfig()),
          values: `${JSON.stringify(injectorValues(settings), null, 2)}\n`,
        },
      },
    });
    new Resource(this, 'webhook', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      name: WebhookName.injectorConfig,
      clusterScoped: true,
      labels,
      body: { webhooks: webhooks.map(([name, namespaces, pods]) => webhook(name, namespaces, pods)) },
    });
  }
}

/** Content of key `config`, under Istio's names; the templates are in our `${}` form. */
export const injectorConfig = (): Record<string, unknown> => ({
  policy: 'enabled',
  defaultTemplates: ['sidecar'],
  alwaysInjectSelector: [],
  neverInjectSelector: [],
  injectedAnnotations: {},
  templates: { sidecar: toYamlText(sidecarTemplate()), gateway: toYamlText(gatewayTemplate()) },
});

/** Content of key `values`: the part of Helm's values that injection reads. */
export const injectorValues = (settings: MeshSettings): Record<string, unknown> => ({
  global: {
    hub: settings.registry,
    tag: settings.tag,
    istioNamespace: namespace,
    imagePullPolicy: 'IfNotPresent',
    imagePullSecrets: [],
    caAddress: '',
    meshID: '',
    network: '',
    multiCluster: { clusterName: settings.clusterId },
    logging: { level: 'default:info' },
    pilotCertProvider: 'istiod',
    sds: { token: { aud: 'istio-ca' } },
    proxy: {
      image: 'proxyv2',
      clusterDomain,
      logLevel: 'warning',
      componentLogLevel: 'misc:error',
      includeIPRanges: '*',
      excludeIPRanges: '',
      includeInboundPorts: '*',
      excludeInboundPorts: '',
      includeOutboundPorts: '',
      excludeOutboundPorts: '',
      statusPort: 15020,
      readinessInitialDelaySeconds: 0,
      readinessPeriodSeconds: 15,
      readinessFailureThreshold: 4,
      startupProbe: { enabled: true, failureThreshold: 600 },
      resources: settings.proxyResources,
      autoInject: 'enabled',
      privileged: false,
      holdApplicationUntilProxyStarts: false,
    },
    proxy_init: { image: 'proxyv2', forceApplyIptables: false },
  },
  pilot: { cni: { enabled: false }, env: {} },
  revision: '',
  sidecarInjectorWebhook: {
    enableNamespacesByDefault: false,
    reinvocationPolicy: 'Never',
    rewriteAppHTTPProbe: true,
    templates: {},
    injectedAnnotations: {},
    alwaysInjectSelector: [],
    neverInjectSelector: [],
  },
});

const webhook = (name: string, namespaces: readonly Expression[], pods: readonly Expression[]) => ({
  name: `${name}.sidecar-injector.istio.io`,
  admissionReviewVersions: ['v1'],
  // No caBundle: istiod writes it, and what git does not say ArgoCD does not compare.
  clientConfig: { service: { name: Component.istiod, namespace, path: '/inject', port: 443 } },
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  namespaceSelector: { matchExpressions: namespaces },
  objectSelector: { matchExpressions: pods },
  reinvocationPolicy: 'Never',
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: '*' }],
  sideEffects: 'None',
});
