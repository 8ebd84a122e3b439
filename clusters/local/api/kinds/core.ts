// Kinds of the core group: names, defaults, validation and tables.
import { type ApiObject, at, ensureFields, type Fields, isFields, list, num, rec, recs, str } from '../object.ts';
import {
  ageColumn,
  ageOf,
  column,
  containerImages,
  containerNames,
  nameColumn,
  orNone,
  selectorText,
  wide,
} from './columns.ts';
import type { KindRules } from './definition.ts';
import { podColumns } from './pod-columns.ts';
import { defaultPodSpec, defaultTemplate } from './pod-defaults.ts';
import { immutable, validatePodSpec, validatePodUpdate } from './pod-rules.ts';
import { groupOf } from './registry.ts';
import { serviceRules } from './service.ts';

const field =
  (...path: string[]) =>
  (object: ApiObject): string => {
    const value = at(object, ...path);
    return value === undefined || value === null ? '' : String(value);
  };

/** A pod's quality of service, from requests and limits of its containers. */
export function qosClass(spec: Fields): string {
  const containers = [...recs(spec['containers']), ...recs(spec['initContainers'])];
  let hasAny = false;
  let isGuaranteed = containers.length > 0;
  for (const container of containers) {
    const requests = rec(at(container, 'resources', 'requests'));
    const limits = rec(at(container, 'resources', 'limits'));
    for (const name of ['cpu', 'memory']) {
      if (requests[name] !== undefined || limits[name] !== undefined) hasAny = true;
      if (limits[name] === undefined || (requests[name] ?? limits[name]) !== limits[name]) isGuaranteed = false;
    }
  }
  return !hasAny ? 'BestEffort' : isGuaranteed ? 'Guaranteed' : 'Burstable';
}

const pod: KindRules = {
  defaults(object) {
    defaultPodSpec(ensureFields(object, 'spec'));
    const spec = rec(object['spec']);
    if (spec['enableServiceLinks'] === undefined) spec['enableServiceLinks'] = true;
    const status = rec(object['status']);
    const address = str(status['podIP']);
    if (address !== '' && status['podIPs'] === undefined) status['podIPs'] = [{ ip: address }];
  },
  prepareCreate(object) {
    const spec = rec(object['spec']);
    if (spec['priority'] === undefined) spec['priority'] = 0;
    if (spec['preemptionPolicy'] === undefined) spec['preemptionPolicy'] = 'PreemptLowerPriority';
    const tolerations = recs(spec['tolerations']);
    for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'])
      if (
        !tolerations.some((item) => item['key'] === key || (item['key'] === undefined && item['operator'] === 'Exists'))
      )
        tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
    spec['tolerations'] = tolerations;
    object['status'] = { phase: 'Pending', qosClass: qosClass(spec) };
  },
  validate: (object, problems) => validatePodSpec(rec(object['spec']), 'spec', problems),
  validateUpdate: (object, before, problems) => validatePodUpdate(rec(object['spec']), rec(before['spec']), problems),
  columns: podColumns,
  selectable: {
    'spec.nodeName': field('spec', 'nodeName'),
    'spec.restartPolicy': field('spec', 'restartPolicy'),
    'spec.schedulerName': field('spec', 'schedulerName'),
    'spec.serviceAccountName': field('spec', 'serviceAccountName'),
    'spec.hostNetwork': (object) => String(at(object, 'spec', 'hostNetwork') === true),
    'status.phase': field('status', 'phase'),
    'status.podIP': field('status', 'podIP'),
    'status.nominatedNodeName': field('status', 'nominatedNodeName'),
  },
  gracePeriodSeconds: (object) => {
    // A pod that never got a node, or has ended, has nobody who would finish its deletion.
    if (str(at(object, 'spec', 'nodeName')) === '') return 0;
    if (['Succeeded', 'Failed'].includes(str(at(object, 'status', 'phase')))) return 0;
    const grace = at(object, 'spec', 'terminationGracePeriodSeconds');
    return typeof grace === 'number' ? grace : 30;
  },
};

const namespace: KindRules = {
  nameRule: 'label',
  defaults(object) {
    if (object.metadata.name === undefined) return;
    object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  },
  prepareCreate(object) {
    object['spec'] = { finalizers: ['kubernetes'] };
    object['status'] = { phase: 'Active' };
    object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  },
  prepareUpdate(object, before) {
    object['spec'] = before['spec'];
    object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  },
  columns: [nameColumn, column('Status', field('status', 'phase')), ageColumn],
  selectable: { 'status.phase': field('status', 'phase') },
};

const dataCount = (object: ApiObject): number =>
  Object.keys(rec(object['data'])).length + Object.keys(rec(object['binaryData'])).length;

const configMap: KindRules = {
  validate(object, problems) {
    for (const key of Object.keys(rec(object['data'])))
      if (!/^[-._a-zA-Z0-9]+$/.test(key))
        problems.invalid(
          `data[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        );
  },
  validateUpdate(object, before, problems) {
    if (before['immutable'] !== true) return;
    if (object['immutable'] !== true) problems.forbidden('immutable', 'field is immutable when `immutable` is set');
    for (const key of ['data', 'binaryData'])
      if (JSON.stringify(object[key]) !== JSON.stringify(before[key]))
        problems.forbidden(key, 'field is immutable when `immutable` is set');
  },
  columns: [nameColumn, column('Data', (object) => dataCount(object)), ageColumn],
};

const secret: KindRules = {
  defaults(object) {
    if (str(object['type']) === '') object['type'] = 'Opaque';
    foldStringData(object);
  },
  validateUpdate(object, before, problems) {
    immutable(object['type'], before['type'], 'type', problems);
  },
  columns: [nameColumn, column('Type', field('type')), column('Data', (object) => dataCount(object)), ageColumn],
  selectable: { type: field('type') },
};

function foldStringData(object: ApiObject): void {
  const plain = object['stringData'];
  if (!isFields(plain)) return;
  const data = ensureFields(object, 'data');
  for (const [key, value] of Object.entries(plain)) data[key] = Buffer.from(String(value)).toString('base64');
  delete object['stringData'];
}

function endpointsText(object: ApiObject): string {
  const all: string[] = [];
  for (const subset of recs(object['subsets'])) {
    const ports = recs(subset['ports']);
    for (const address of recs(subset['addresses']))
      if (ports.length === 0) all.push(str(address['ip']));
      else for (const port of ports) all.push(`${str(address['ip'])}:${num(port['port'])}`);
  }
  if (all.length === 0) return '<none>';
  return all.length > 3 ? `${all.slice(0, 3).join(',')} + ${all.length - 3} more...` : all.join(',');
}

function nodeRoles(node: ApiObject): string {
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) =>
    key.startsWith('node-role.kubernetes.io/')
      ? [key.slice('node-role.kubernetes.io/'.length)]
      : key === 'kubernetes.io/role'
        ? [value]
        : [],
  );
  return orNone(roles.sort());
}

function nodeStatus(node: ApiObject): string {
  const ready = recs(at(node, 'status', 'conditions')).find((condition) => condition['type'] === 'Ready');
  const text = ready === undefined ? 'Unknown' : ready['status'] === 'True' ? 'Ready' : 'NotReady';
  return at(node, 'spec', 'unschedulable') === true ? `${text},SchedulingDisabled` : text;
}

const nodeAddress =
  (type: string) =>
  (node: ApiObject): string =>
    str(recs(at(node, 'status', 'addresses')).find((address) => address['type'] === type)?.['address']) || '<none>';
const nodeInfo =
  (key: string) =>
  (node: ApiObject): string =>
    str(at(node, 'status', 'nodeInfo', key)) || '<unknown>';

const node: KindRules = {
  columns: [
    nameColumn,
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    ageColumn,
    column('Version', (object) => str(at(object, 'status', 'nodeInfo', 'kubeletVersion'))),
    wide('Internal-IP', nodeAddress('InternalIP')),
    wide('External-IP', nodeAddress('ExternalIP')),
    wide('OS-Image', nodeInfo('osImage')),
    wide('Kernel-Version', nodeInfo('kernelVersion')),
    wide('Container-Runtime', nodeInfo('containerRuntimeVersion')),
  ],
  selectable: { 'spec.unschedulable': (object) => String(at(object, 'spec', 'unschedulable') === true) },
};

/** Fields that events may be selected by; `involvedObject` in core/v1. */
export const eventSelectable = Object.fromEntries([
  ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((key) => [
    `involvedObject.${key}`,
    field('involvedObject', key),
  ]),
  ['reason', field('reason')],
  ['type', field('type')],
  ['source', field('source', 'component')],
  ['reportingComponent', field('reportingComponent')],
]) as NonNullable<KindRules['selectable']>;

export const event: KindRules = {
  selectable: eventSelectable,
  columns: [
    column('Last Seen', (object) => {
      const last = at(object, 'series', 'lastObservedTime') ?? object['lastTimestamp'] ?? object['eventTime'];
      return ageOf(last ?? object['firstTimestamp'] ?? object.metadata.creationTimestamp);
    }),
    column('Type', field('type')),
    column('Reason', field('reason')),
    column('Object', (object) => {
      const involved = rec(object['involvedObject']);
      return `${str(involved['kind']).toLowerCase()}/${str(involved['name'])}`;
    }),
    wide('Subobject', field('involvedObject', 'fieldPath')),
    wide('Source', (object) =>
      [str(at(object, 'source', 'component')) || str(object['reportingComponent']), str(at(object, 'source', 'host'))]
        .filter((part) => part !== '')
        .join(', '),
    ),
    column('Message', (object) => str(object['message']).trim()),
    wide('First Seen', (object) => ageOf(object['firstTimestamp'] ?? object['eventTime'])),
    wide('Count', (object) => num(at(object, 'series', 'count') ?? object['count'] ?? 1), 'integer'),
    wide('Name', (object) => object.metadata.name),
  ],
};

const accessModes = (object: ApiObject): string =>
  list(at(object, 'spec', 'accessModes'))
    .map((mode) => ({ ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX' })[String(mode)] ?? String(mode))
    .join(',');

export const coreKinds = groupOf('', 'v1', [
  {
    resource: 'namespaces',
    kind: 'Namespace',
    cluster: true,
    short: ['ns'],
    status: true,
    rules: namespace,
    subresources: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }],
  },
  {
    resource: 'pods',
    kind: 'Pod',
    short: ['po'],
    categories: ['all'],
    status: true,
    generation: true,
    rules: pod,
    subresources: [
      { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
      { name: 'binding', kind: 'Binding', verbs: ['create'] },
      { name: 'ephemeralcontainers', kind: 'Pod', verbs: ['get', 'patch', 'update'] },
      { name: 'eviction', kind: 'Eviction', verbs: ['create'], group: 'policy', version: 'v1' },
      { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
      { name: 'log', kind: 'Pod', verbs: ['get'] },
      { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
      { name: 'proxy', kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
    ],
  },
  {
    resource: 'services',
    kind: 'Service',
    short: ['svc'],
    categories: ['all'],
    status: true,
    rules: serviceRules,
    subresources: [
      { name: 'proxy', kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
    ],
  },
  {
    resource: 'endpoints',
    kind: 'Endpoints',
    short: ['ep'],
    rules: {
      defaults: (object) => {
        for (const subset of recs(object['subsets']))
          for (const port of recs(subset['ports'])) if (port['protocol'] === undefined) port['protocol'] = 'TCP';
      },
      columns: [nameColumn, column('Endpoints', endpointsText), ageColumn],
    },
  },
  { resource: 'configmaps', kind: 'ConfigMap', short: ['cm'], rules: configMap },
  { resource: 'secrets', kind: 'Secret', rules: secret },
  {
    resource: 'serviceaccounts',
    kind: 'ServiceAccount',
    short: ['sa'],
    rules: {
      columns: [nameColumn, column('Secrets', (object) => list(object['secrets']).length, 'integer'), ageColumn],
    },
    subresources: [
      { name: 'token', kind: 'TokenRequest', verbs: ['create'], group: 'authentication.k8s.io', version: 'v1' },
    ],
  },
  {
    resource: 'nodes',
    kind: 'Node',
    cluster: true,
    short: ['no'],
    status: true,
    rules: node,
    subresources: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }],
  },
  { resource: 'events', kind: 'Event', short: ['ev'], rules: event, storage: '/events' },
  {
    resource: 'persistentvolumeclaims',
    kind: 'PersistentVolumeClaim',
    short: ['pvc'],
    status: true,
    rules: {
      defaults: (object) => {
        const spec = ensureFields(object, 'spec');
        if (spec['volumeMode'] === undefined) spec['volumeMode'] = 'Filesystem';
      },
      prepareCreate: (object) => {
        object['status'] = { phase: 'Pending' };
        object.metadata.finalizers = [
          ...new Set([...(object.metadata.finalizers ?? []), 'kubernetes.io/pvc-protection']),
        ];
      },
      columns: [
        nameColumn,
        column('Status', field('status', 'phase')),
        column('Volume', field('spec', 'volumeName')),
        column('Capacity', field('status', 'capacity', 'storage')),
        column('Access Modes', accessModes),
        column('StorageClass', field('spec', 'storageClassName')),
        column('VolumeAttributesClass', () => '<unset>'),
        ageColumn,
        wide('VolumeMode', field('spec', 'volumeMode')),
      ],
    },
  },
  {
    resource: 'persistentvolumes',
    kind: 'PersistentVolume',
    cluster: true,
    short: ['pv'],
    status: true,
    rules: {
      defaults: (object) => {
        const spec = ensureFields(object, 'spec');
        if (spec['volumeMode'] === undefined) spec['volumeMode'] = 'Filesystem';
        if (spec['persistentVolumeReclaimPolicy'] === undefined) spec['persistentVolumeReclaimPolicy'] = 'Retain';
      },
      prepareCreate: (object) => {
        object['status'] = { phase: 'Pending' };
      },
    },
  },
  {
    resource: 'replicationcontrollers',
    kind: 'ReplicationController',
    short: ['rc'],
    categories: ['all'],
    status: true,
    generation: true,
    scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
    rules: {
      defaults: (object) => {
        const spec = ensureFields(object, 'spec');
        if (spec['replicas'] === undefined) spec['replicas'] = 1;
        defaultTemplate(spec['template']);
        if (spec['selector'] === undefined) spec['selector'] = rec(at(spec, 'template', 'metadata', 'labels'));
      },
      prepareCreate: (object) => {
        object['status'] = { replicas: 0 };
      },
      columns: [
        nameColumn,
        column('Desired', (o) => num(at(o, 'spec', 'replicas')), 'integer'),
        column('Current', (o) => num(at(o, 'status', 'replicas')), 'integer'),
        column('Ready', (o) => num(at(o, 'status', 'readyReplicas')), 'integer'),
        ageColumn,
        wide('Containers', (o) => containerNames(at(o, 'spec', 'template', 'spec'))),
        wide('Images', (o) => containerImages(at(o, 'spec', 'template', 'spec'))),
        wide('Selector', (o) => selectorText(at(o, 'spec', 'selector'))),
      ],
    },
  },
  {
    resource: 'limitranges',
    kind: 'LimitRange',
    short: ['limits'],
    rules: { columns: [nameColumn, column('Created At', (object) => object.metadata.creationTimestamp ?? '')] },
  },
  {
    resource: 'resourcequotas',
    kind: 'ResourceQuota',
    short: ['quota'],
    status: true,
    rules: {
      prepareCreate: (o) => {
        o['status'] = {};
      },
    },
  },
  {
    resource: 'podtemplates',
    kind: 'PodTemplate',
    rules: { defaults: (object) => defaultTemplate(object['template']) },
  },
]);
