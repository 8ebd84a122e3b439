// Groups with few rules: coordination, discovery, networking, policy, autoscaling, storage, scheduling, apiextensions.
import { type ApiObject, at, ensureFields, isFields, list, num, rec, recs, str } from '../object.ts';
import { ageColumn, column, nameColumn, selectorText } from './columns.ts';
import { groupOf } from './registry.ts';

const text =
  (...path: string[]) =>
  (object: ApiObject): string => {
    const value = at(object, ...path);
    return value === undefined || value === null ? '' : String(value);
  };

export const coordinationKinds = groupOf('coordination.k8s.io', 'v1', [
  {
    resource: 'leases',
    kind: 'Lease',
    rules: { columns: [nameColumn, column('Holder', text('spec', 'holderIdentity')), ageColumn] },
  },
]);

const few = (items: readonly string[]): string =>
  items.length === 0
    ? '<unset>'
    : items.length > 3
      ? `${items.slice(0, 3).join(',')} + ${items.length - 3} more...`
      : items.join(',');

export const discoveryKinds = groupOf('discovery.k8s.io', 'v1', [
  {
    resource: 'endpointslices',
    kind: 'EndpointSlice',
    generation: true,
    rules: {
      defaults(object) {
        for (const port of recs(object['ports'])) {
          port['name'] ??= '';
          port['protocol'] ??= 'TCP';
        }
        object['endpoints'] ??= null;
        object['ports'] ??= null;
      },
      columns: [
        nameColumn,
        column('AddressType', text('addressType')),
        column('Ports', (o) => few(recs(o['ports']).map((port) => String(port['port'] ?? '*')))),
        column('Endpoints', (o) => few(recs(o['endpoints']).flatMap((item) => list(item['addresses']).map(String)))),
        ageColumn,
      ],
    },
  },
]);

export const networkingKinds = groupOf('networking.k8s.io', 'v1', [
  {
    resource: 'ingresses',
    kind: 'Ingress',
    short: ['ing'],
    status: true,
    generation: true,
    rules: {
      prepareCreate: (o) => {
        o['status'] = { loadBalancer: {} };
      },
      columns: [
        nameColumn,
        column('Class', (o) => text('spec', 'ingressClassName')(o) || '<none>'),
        column('Hosts', (o) => {
          const hosts = recs(at(o, 'spec', 'rules'))
            .map((rule) => str(rule['host']))
            .filter((host) => host !== '');
          return hosts.length === 0 ? '*' : few(hosts);
        }),
        column('Address', (o) =>
          recs(at(o, 'status', 'loadBalancer', 'ingress'))
            .map((item) => str(item['ip']) || str(item['hostname']))
            .join(','),
        ),
        column('Ports', (o) => (list(at(o, 'spec', 'tls')).length > 0 ? '80, 443' : '80')),
        ageColumn,
      ],
    },
  },
  {
    resource: 'ingressclasses',
    kind: 'IngressClass',
    cluster: true,
    generation: true,
    rules: {
      columns: [
        nameColumn,
        column('Controller', text('spec', 'controller')),
        column('Parameters', (o) => {
          const parameters = rec(at(o, 'spec', 'parameters'));
          return Object.keys(parameters).length === 0
            ? '<none>'
            : `${str(parameters['kind'])}.${str(parameters['apiGroup'])}/${str(parameters['name'])}`;
        }),
        ageColumn,
      ],
    },
  },
  {
    resource: 'networkpolicies',
    kind: 'NetworkPolicy',
    short: ['netpol'],
    generation: true,
    rules: {
      defaults(object) {
        const spec = ensureFields(object, 'spec');
        for (const rule of [...recs(spec['ingress']), ...recs(spec['egress'])])
          for (const port of recs(rule['ports'])) port['protocol'] ??= 'TCP';
        spec['policyTypes'] ??= ['Ingress', ...(list(spec['egress']).length > 0 ? ['Egress'] : [])];
      },
      columns: [nameColumn, column('Pod-Selector', (o) => selectorText(at(o, 'spec', 'podSelector'))), ageColumn],
    },
  },
]);

export const policyKinds = groupOf('policy', 'v1', [
  {
    resource: 'poddisruptionbudgets',
    kind: 'PodDisruptionBudget',
    short: ['pdb'],
    status: true,
    generation: true,
    rules: {
      prepareCreate: (o) => {
        o['status'] = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
      },
      columns: [
        nameColumn,
        column('Min Available', (o) => text('spec', 'minAvailable')(o) || 'N/A'),
        column('Max Unavailable', (o) => text('spec', 'maxUnavailable')(o) || 'N/A'),
        column('Allowed Disruptions', (o) => num(at(o, 'status', 'disruptionsAllowed')), 'integer'),
        ageColumn,
      ],
    },
  },
]);

const target = (o: ApiObject): string =>
  `${str(at(o, 'spec', 'scaleTargetRef', 'kind'))}/${str(at(o, 'spec', 'scaleTargetRef', 'name'))}`;
const hpaColumns = [
  nameColumn,
  column('Reference', target),
  column('Targets', () => '<unknown>'),
  column('MinPods', (o) => text('spec', 'minReplicas')(o) || '<unset>'),
  column('MaxPods', (o) => num(at(o, 'spec', 'maxReplicas')), 'integer'),
  column('Replicas', (o) => num(at(o, 'status', 'currentReplicas')), 'integer'),
  ageColumn,
];

/** v1 speaks of one CPU target where v2 has a list of metrics. */
function toHpaV1(object: ApiObject): ApiObject {
  const spec = { ...rec(object['spec']) };
  const cpu = recs(spec['metrics']).find((metric) => at(metric, 'resource', 'name') === 'cpu');
  const utilization = at(cpu, 'resource', 'target', 'averageUtilization');
  delete spec['metrics'];
  delete spec['behavior'];
  if (utilization !== undefined) spec['targetCPUUtilizationPercentage'] = utilization;
  return { ...object, apiVersion: 'autoscaling/v1', spec };
}
function fromHpaV1(object: ApiObject): ApiObject {
  const spec = { ...rec(object['spec']) };
  const utilization = spec['targetCPUUtilizationPercentage'] ?? 80;
  delete spec['targetCPUUtilizationPercentage'];
  spec['metrics'] = [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: utilization } } },
  ];
  return { ...object, apiVersion: 'autoscaling/v2', spec };
}
export const autoscalingKinds = [
  ...groupOf('autoscaling', 'v2', [
    {
      resource: 'horizontalpodautoscalers',
      kind: 'HorizontalPodAutoscaler',
      short: ['hpa'],
      categories: ['all'],
      status: true,
      rules: {
        defaults(object) {
          ensureFields(object, 'spec')['minReplicas'] ??= 1;
        },
        prepareCreate: (o) => {
          o['status'] = { desiredReplicas: 0, currentMetrics: null };
        },
        columns: hpaColumns,
      },
    },
  ]),
  ...groupOf('autoscaling', 'v1', [
    {
      resource: 'horizontalpodautoscalers',
      kind: 'HorizontalPodAutoscaler',
      short: ['hpa'],
      categories: ['all'],
      status: true,
      rules: { columns: hpaColumns },
      conversion: { fromStored: toHpaV1, toStored: fromHpaV1 },
    },
  ]),
];

export const storageKinds = groupOf('storage.k8s.io', 'v1', [
  {
    resource: 'storageclasses',
    kind: 'StorageClass',
    cluster: true,
    short: ['sc'],
    rules: {
      defaults(object) {
        object['reclaimPolicy'] ??= 'Delete';
        object['volumeBindingMode'] ??= 'Immediate';
      },
      columns: [
        nameColumn,
        column('Provisioner', text('provisioner')),
        column('ReclaimPolicy', text('reclaimPolicy')),
        column('VolumeBindingMode', text('volumeBindingMode')),
        column('AllowVolumeExpansion', (o) => o['allowVolumeExpansion'] === true, 'boolean'),
        ageColumn,
      ],
    },
  },
  { resource: 'csidrivers', kind: 'CSIDriver', cluster: true },
  { resource: 'csinodes', kind: 'CSINode', cluster: true },
  { resource: 'volumeattachments', kind: 'VolumeAttachment', cluster: true, status: true },
]);

export const schedulingKinds = groupOf('scheduling.k8s.io', 'v1', [
  {
    resource: 'priorityclasses',
    kind: 'PriorityClass',
    cluster: true,
    short: ['pc'],
    generation: true,
    rules: {
      defaults(object) {
        object['preemptionPolicy'] ??= 'PreemptLowerPriority';
      },
      columns: [
        nameColumn,
        column('Value', (o) => num(o['value']), 'integer'),
        column('Global-Default', (o) => o['globalDefault'] === true, 'boolean'),
        ageColumn,
        column('PreemptionPolicy', text('preemptionPolicy')),
      ],
    },
  },
]);

export const crdKind = groupOf('apiextensions.k8s.io', 'v1', [
  {
    resource: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    cluster: true,
    short: ['crd', 'crds'],
    categories: ['api-extensions'],
    status: true,
    generation: true,
    rules: {
      defaults(object) {
        const spec = ensureFields(object, 'spec');
        const names = ensureFields(spec, 'names');
        if (str(names['singular']) === '') names['singular'] = str(names['kind']).toLowerCase();
        if (str(names['listKind']) === '') names['listKind'] = `${str(names['kind'])}List`;
        if (!isFields(spec['conversion'])) spec['conversion'] = { strategy: 'None' };
      },
      validate(object, problems) {
        const spec = rec(object['spec']);
        const expected = `${str(at(spec, 'names', 'plural'))}.${str(spec['group'])}`;
        if (object.metadata.name !== expected)
          problems.invalid('metadata.name', object.metadata.name, `must be spec.names.plural+"."+spec.group`);
        const versions = recs(spec['versions']);
        const stored = versions.filter((version) => version['storage'] === true).length;
        if (stored !== 1)
          problems.invalid('spec.versions', versions, 'must have exactly one version marked as storage version');
        for (const [index, version] of versions.entries())
          if (!isFields(at(version, 'schema', 'openAPIV3Schema')))
            problems.required(`spec.versions[${index}].schema.openAPIV3Schema`, 'schemas are required');
        if (!['Namespaced', 'Cluster'].includes(str(spec['scope'])))
          problems.notSupported('spec.scope', spec['scope'] ?? '', ['Cluster', 'Namespaced']);
        if (str(at(spec, 'conversion', 'strategy')) === 'Webhook')
          problems.invalid(
            'spec.conversion.strategy',
            'Webhook',
            'conversion webhooks are not supported here; use None',
          );
      },
      columns: [nameColumn, column('Created At', (o) => o.metadata.creationTimestamp ?? '')],
    },
  },
]);
