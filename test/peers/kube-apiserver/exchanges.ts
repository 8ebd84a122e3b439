// Requests that are sent by the same code to the embedded API server and to a real one. Each runs after those before it.

export interface Exchange {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string | undefined;
  readonly accept?: string | undefined;
}

const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const jsonPatch = 'application/json-patch+json';
const apply = 'application/apply-patch+yaml';
const table = 'application/json;as=Table;g=meta.k8s.io;v=v1,application/json';
const partial = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

const get = (path: string, accept?: string): Exchange => ({
  name: `get ${path}${accept === table ? ' as table' : accept === partial ? ' as metadata' : ''}`,
  method: 'GET',
  path,
  accept,
});
const post = (name: string, path: string, body: unknown): Exchange => ({ name, method: 'POST', path, body });
const put = (name: string, path: string, body: unknown): Exchange => ({ name, method: 'PUT', path, body });
const patch = (name: string, path: string, type: string, body: unknown): Exchange => ({
  name,
  method: 'PATCH',
  path,
  type,
  body,
});
const remove = (path: string, body?: unknown): Exchange => ({ name: `delete ${path}`, method: 'DELETE', path, body });

const ns = '/api/v1/namespaces/pairs';
const apps = '/apis/apps/v1/namespaces/pairs';
const meta = (name: string, more: object = {}): object => ({ name, ...more });
const configMap = (name: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: meta(name),
  data: { a: '1' },
  ...more,
});

const template = (labels: object, container: object = {}, spec: object = {}): object => ({
  metadata: { labels },
  spec: {
    containers: [{ name: 'app', image: 'registry.example/app:1', ports: [{ containerPort: 8080 }], ...container }],
    ...spec,
  },
});
const workload = (
  kind: string,
  name: string,
  spec: object = {},
  podTemplate: object = template({ app: name }),
): object => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: meta(name, { labels: { app: name } }),
  spec: { selector: { matchLabels: { app: name } }, template: podTemplate, ...spec },
});

const service = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name),
  spec,
});
const pod = (name: string, spec: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta(name, metadata),
  spec,
});
const simple = { containers: [{ name: 'c', image: 'registry.example/c:1' }] };

const basics: Exchange[] = [
  post('create namespace', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: meta('pairs') }),
  post('create service account', `${ns}/serviceaccounts`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: meta('default'),
  }),
  post('create namespace again', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: meta('pairs'),
  }),
  get(ns),
  get('/api/v1/namespaces/absent'),
  post('namespace with a bad name', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: meta('Bad_Name'),
  }),
  remove('/api/v1/namespaces/kube-system'),
  post('create in absent namespace', '/api/v1/namespaces/absent/configmaps', configMap('x')),
  get('/api/v1/nonsense'),
  get('/apis/nonsense/v1'),
  get('/apis/apps/v2'),
  post('create config map', `${ns}/configmaps`, configMap('cm')),
  get(`${ns}/configmaps/cm`),
  get(`${ns}/configmaps/cm`, table),
  get(`${ns}/configmaps/cm`, partial),
  get(`${ns}/configmaps`),
  get(`${ns}/configmaps`, table),
  get(`${ns}/configmaps?fieldSelector=metadata.name=cm`),
  get(`${ns}/configmaps?fieldSelector=metadata.name!=cm`),
  get(`${ns}/configmaps?fieldSelector=data.a=1`),
  get(`${ns}/configmaps?labelSelector=a=b`),
  post('config map twice', `${ns}/configmaps`, configMap('cm')),
  post('config map with wrong kind', `${ns}/configmaps`, { apiVersion: 'v1', kind: 'Secret', metadata: meta('x') }),
  post('config map with wrong version', `${ns}/configmaps`, { ...configMap('x'), apiVersion: 'v2' }),
  post('config map without a name', `${ns}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }),
  post('config map with a bad key', `${ns}/configmaps`, configMap('x', { data: { 'a b': '1' } })),
  post('config map with a bad label', `${ns}/configmaps`, {
    ...configMap('x'),
    metadata: meta('x', { labels: { 'a b': 'c' } }),
  }),
  post('config map with a bad label value', `${ns}/configmaps`, {
    ...configMap('x'),
    metadata: meta('x', { labels: { a: 'b c' } }),
  }),
  post('config map with a wrong type', `${ns}/configmaps`, configMap('x', { data: { a: 1 } })),
  post('unknown field, strict', `${ns}/configmaps?fieldValidation=Strict`, configMap('x', { colour: 'red' })),
  post('unknown field, dry run', `${ns}/configmaps?dryRun=All`, configMap('dry', { colour: 'red' })),
  get(`${ns}/configmaps/dry`),
  post('resource version at creation', `${ns}/configmaps`, {
    ...configMap('x'),
    metadata: meta('x', { resourceVersion: '5' }),
  }),
  post('namespace mismatch', `${ns}/configmaps`, { ...configMap('x'), metadata: meta('x', { namespace: 'other' }) }),
  patch('merge patch', `${ns}/configmaps/cm`, merge, { data: { b: '2' } }),
  patch('merge patch removes', `${ns}/configmaps/cm`, merge, { data: { a: null } }),
  patch('strategic patch', `${ns}/configmaps/cm`, strategic, { metadata: { labels: { x: 'y' } } }),
  patch('json patch', `${ns}/configmaps/cm`, jsonPatch, [{ op: 'add', path: '/data/c', value: '3' }]),
  patch('json patch test fails', `${ns}/configmaps/cm`, jsonPatch, [{ op: 'test', path: '/data/c', value: '4' }]),
  patch('patch of absent', `${ns}/configmaps/absent`, merge, {}),
  patch('patch of unknown type', `${ns}/configmaps/cm`, 'text/plain', {}),
  patch('patch changes the name', `${ns}/configmaps/cm`, merge, { metadata: { name: 'other' } }),
  get(`${ns}/configmaps?labelSelector=x=y`),
  get(`${ns}/configmaps?labelSelector=x%20in%20(y,z)`),
  get(`${ns}/configmaps?labelSelector=!x`),
  put('stale update', `${ns}/configmaps/cm`, { ...configMap('cm'), metadata: meta('cm', { resourceVersion: '1' }) }),
  put('update', `${ns}/configmaps/cm`, configMap('cm', { data: { z: '1' } })),
  put('update under another name', `${ns}/configmaps/cm`, configMap('other')),
  put('update of absent', `${ns}/configmaps/absent`, {
    ...configMap('absent'),
    metadata: meta('absent', { resourceVersion: '1' }),
  }),
  put('immutable config map', `${ns}/configmaps/cm`, configMap('cm', { immutable: true })),
  put('change of immutable', `${ns}/configmaps/cm`, configMap('cm', { immutable: true, data: { q: '1' } })),
  remove(`${ns}/configmaps/cm`, { preconditions: { uid: 'wrong' } }),
  remove(`${ns}/configmaps/cm`),
  remove(`${ns}/configmaps/cm`),
];

const applies: Exchange[] = [
  patch('apply creates', `${ns}/configmaps/ssa?fieldManager=one`, apply, configMap('ssa')),
  patch('apply again', `${ns}/configmaps/ssa?fieldManager=one`, apply, configMap('ssa')),
  patch('apply without manager', `${ns}/configmaps/ssa`, apply, configMap('ssa')),
  patch('apply conflict', `${ns}/configmaps/ssa?fieldManager=two`, apply, configMap('ssa', { data: { a: '2' } })),
  patch(
    'apply forced',
    `${ns}/configmaps/ssa?fieldManager=two&force=true`,
    apply,
    configMap('ssa', { data: { a: '2' } }),
  ),
  patch('apply takes away', `${ns}/configmaps/ssa?fieldManager=two`, apply, configMap('ssa', { data: { b: '1' } })),
  patch(
    'shared ownership',
    `${ns}/configmaps/ssa?fieldManager=three`,
    apply,
    configMap('ssa', { data: { b: '1', c: '1' } }),
  ),
  patch('update by another', `${ns}/configmaps/ssa?fieldManager=hand`, merge, { data: { c: '9' } }),
  patch(
    'conflict with an update',
    `${ns}/configmaps/ssa?fieldManager=three`,
    apply,
    configMap('ssa', { data: { b: '1', c: '1' } }),
  ),
  patch(
    'apply a deployment',
    `${apps}/deployments/ssa?fieldManager=one`,
    apply,
    workload('Deployment', 'ssa', { replicas: 2 }),
  ),
  patch('apply another container field', `${apps}/deployments/ssa?fieldManager=two`, apply, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('ssa'),
    spec: { template: { spec: { containers: [{ name: 'app', env: [{ name: 'A', value: 'b' }] }] } } },
  }),
  patch('conflict on replicas', `${apps}/deployments/ssa?fieldManager=two`, apply, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('ssa'),
    spec: { replicas: 5 },
  }),
  patch('two conflicts', `${apps}/deployments/ssa?fieldManager=two`, apply, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('ssa', { labels: { app: 'z' } }),
    spec: { replicas: 5 },
  }),
  patch('unknown field in apply', `${apps}/deployments/ssa?fieldManager=two`, apply, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('ssa'),
    spec: { colour: 'red' },
  }),
  remove(`${apps}/deployments/ssa`),
  patch(
    'apply a service',
    `${ns}/services/ssa?fieldManager=one`,
    apply,
    service('ssa', {
      selector: { a: 'b' },
      ports: [
        { port: 80, name: 'http' },
        { port: 81, name: 'other' },
      ],
    }),
  ),
  patch(
    'apply a service with one port less',
    `${ns}/services/ssa?fieldManager=one`,
    apply,
    service('ssa', { selector: { a: 'b' }, ports: [{ port: 80, name: 'http' }] }),
  ),
];

const kinds: readonly (readonly [string, string])[] = [
  ['Deployment', 'deployments'],
  ['ReplicaSet', 'replicasets'],
  ['DaemonSet', 'daemonsets'],
  ['StatefulSet', 'statefulsets'],
];
const workloads: Exchange[] = kinds.flatMap(([kind, plural]) => {
  const name = `w-${plural}`;
  const path = `${apps}/${plural}`;
  const replicas = kind === 'DaemonSet' ? {} : { replicas: 2 };
  const extra = kind === 'StatefulSet' ? { serviceName: 'svc' } : {};
  return [
    post(`create ${kind}`, path, workload(kind, name, { ...replicas, ...extra })),
    get(`${path}/${name}`),
    get(`${path}/${name}`, table),
    get(path, table),
    post(`${kind} without selector`, path, {
      apiVersion: 'apps/v1',
      kind,
      metadata: meta('bad'),
      spec: { template: template({ a: 'b' }), ...extra },
    }),
    post(`${kind} with a foreign template`, path, workload(kind, 'bad', extra, template({ app: 'other' }))),
    post(
      `${kind} without containers`,
      path,
      workload(kind, 'bad', extra, { metadata: { labels: { app: 'bad' } }, spec: { containers: [] } }),
    ),
    post(
      `${kind} with a bad port`,
      path,
      workload(kind, 'bad', extra, template({ app: 'bad' }, { ports: [{ containerPort: 99999 }] })),
    ),
    post(
      `${kind} with a bad policy`,
      path,
      workload(kind, 'bad', extra, template({ app: 'bad' }, { imagePullPolicy: 'Sometimes' })),
    ),
    post(`${kind} with a wrong type`, path, workload(kind, 'bad', { ...extra, minReadySeconds: 'two' })),
    patch(`${kind} selector changes`, `${path}/${name}`, merge, {
      spec: { selector: { matchLabels: { app: 'changed' } }, template: { metadata: { labels: { app: 'changed' } } } },
    }),
    patch(`${kind} image changes`, `${path}/${name}`, strategic, {
      spec: { template: { spec: { containers: [{ name: 'app', image: 'registry.example/app:2' }] } } },
    }),
    patch(`${kind} container added`, `${path}/${name}`, strategic, {
      spec: { template: { spec: { containers: [{ name: 'second', image: 'registry.example/b' }] } } },
    }),
    patch(`${kind} container removed`, `${path}/${name}`, strategic, {
      spec: { template: { spec: { containers: [{ name: 'second', $patch: 'delete' }] } } },
    }),
    patch(`${kind} status`, `${path}/${name}/status`, merge, { status: { observedGeneration: 1 } }),
    ...(kind === 'DaemonSet'
      ? []
      : [
          get(`${path}/${name}/scale`),
          patch(`${kind} scaled`, `${path}/${name}/scale`, merge, { spec: { replicas: 4 } }),
          patch(`${kind} scaled below zero`, `${path}/${name}/scale`, merge, { spec: { replicas: -1 } }),
        ]),
    remove(`${path}/${name}`),
    get(`${path}/${name}`),
  ];
});

const pods: Exchange[] = [
  post('create pod', `${ns}/pods`, pod('p', simple, { labels: { a: 'b' } })),
  get(`${ns}/pods/p`),
  get(`${ns}/pods/p`, table),
  get(`${ns}/pods?fieldSelector=status.phase=Pending`),
  get(`${ns}/pods?fieldSelector=spec.nodeName=absent`),
  get(`${ns}/pods?fieldSelector=spec.containers=x`),
  post(
    'pod with probes and volumes',
    `${ns}/pods`,
    pod('probes', {
      automountServiceAccountToken: false,
      volumes: [
        { name: 'e', emptyDir: {} },
        { name: 'c', configMap: { name: 'cm' } },
        { name: 's', secret: { secretName: 's' } },
        { name: 'h', hostPath: { path: '/tmp' } },
      ],
      initContainers: [{ name: 'i', image: 'registry.example/i:latest', restartPolicy: 'Always' }],
      containers: [
        {
          name: 'c',
          image: 'registry.example/c',
          resources: { limits: { cpu: '1', memory: '1Gi' } },
          livenessProbe: { httpGet: { port: 80 } },
          readinessProbe: { tcpSocket: { port: 80 } },
          startupProbe: { exec: { command: ['true'] } },
          env: [{ name: 'N', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
          volumeMounts: [{ name: 'e', mountPath: '/e' }],
          lifecycle: { preStop: { httpGet: { port: 80 } } },
        },
      ],
    }),
  ),
  post('pod without containers', `${ns}/pods`, pod('bad', { containers: [] })),
  post('pod without image', `${ns}/pods`, pod('bad', { containers: [{ name: 'c' }] })),
  post(
    'pod with one name twice',
    `${ns}/pods`,
    pod('bad', {
      containers: [
        { name: 'c', image: 'x' },
        { name: 'c', image: 'y' },
      ],
    }),
  ),
  post(
    'pod with an unknown volume',
    `${ns}/pods`,
    pod('bad', { containers: [{ name: 'c', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] }),
  ),
  post('pod with a bad restart policy', `${ns}/pods`, pod('bad', { ...simple, restartPolicy: 'Perhaps' })),
  post('pod with a bad container name', `${ns}/pods`, pod('bad', { containers: [{ name: 'C_C', image: 'x' }] })),
  post(
    'pod with a probe of two kinds',
    `${ns}/pods`,
    pod('bad', {
      containers: [{ name: 'c', image: 'x', livenessProbe: { httpGet: { port: 80 }, exec: { command: ['a'] } } }],
    }),
  ),
  post('pod with an absent account', `${ns}/pods`, pod('bad', { ...simple, serviceAccountName: 'absent' })),
  patch('pod image', `${ns}/pods/p`, strategic, {
    spec: { containers: [{ name: 'c', image: 'registry.example/c:2' }] },
  }),
  patch('pod annotations', `${ns}/pods/p`, merge, { metadata: { annotations: { k: 'v' } } }),
  patch('pod status', `${ns}/pods/p/status`, strategic, {
    status: { phase: 'Running', podIP: '10.244.0.9', conditions: [{ type: 'Ready', status: 'True' }] },
  }),
  get(`${ns}/pods/p`, table),
  post('bind', `${ns}/pods/p/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: meta('p'),
    target: { kind: 'Node', name: 'n1' },
  }),
  post('bind again', `${ns}/pods/p/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: meta('p'),
    target: { kind: 'Node', name: 'n2' },
  }),
  remove(`${ns}/pods/p`),
  remove(`${ns}/pods/p?gracePeriodSeconds=0`),
  get(`${ns}/pods/p`),
  remove(`${ns}/pods/probes`),
];

const services: Exchange[] = [
  post('create service', `${ns}/services`, service('s', { selector: { a: 'b' }, ports: [{ port: 80 }] })),
  get(`${ns}/services/s`, table),
  post(
    'headless service',
    `${ns}/services`,
    service('headless', { clusterIP: 'None', ports: [{ port: 80, targetPort: 'http' }] }),
  ),
  post('external name', `${ns}/services`, service('ext', { type: 'ExternalName', externalName: 'example.com' })),
  get(`${ns}/services/ext`, table),
  post('service without ports', `${ns}/services`, service('bad', { selector: { a: 'b' } })),
  post('service with unnamed ports', `${ns}/services`, service('bad', { ports: [{ port: 80 }, { port: 81 }] })),
  post('service with a bad protocol', `${ns}/services`, service('bad', { ports: [{ port: 80, protocol: 'ICMP' }] })),
  post('service with a bad type', `${ns}/services`, service('bad', { type: 'Magic', ports: [{ port: 80 }] })),
  post('service with a bad name', `${ns}/services`, service('1bad', { ports: [{ port: 80 }] })),
  post('service with a bad port', `${ns}/services`, service('bad', { ports: [{ port: 0 }] })),
  patch('service gets a port', `${ns}/services/s`, strategic, {
    spec: {
      ports: [
        { port: 80, name: 'http' },
        { port: 443, name: 'https' },
      ],
    },
  }),
  patch('service status', `${ns}/services/s/status`, merge, {
    status: { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } },
  }),
  remove(`${ns}/services/headless`),
];

const secrets: Exchange[] = [
  post('create secret', `${ns}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: meta('s'),
    stringData: { p: 'q' },
  }),
  get(`${ns}/secrets/s`, table),
  post('secret with bad base64', `${ns}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: meta('bad'),
    data: { p: '!!' },
  }),
  patch('secret type changes', `${ns}/secrets/s`, merge, { type: 'other' }),
  get(`${ns}/secrets?fieldSelector=type=Opaque`),
  remove(`${ns}/secrets/s`),
];

const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/pairs';
const others: Exchange[] = [
  post('create job', '/apis/batch/v1/namespaces/pairs/jobs', {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: meta('j'),
    spec: { template: { spec: { ...simple, restartPolicy: 'Never' } } },
  }),
  get('/apis/batch/v1/namespaces/pairs/jobs/j', table),
  post('job that always restarts', '/apis/batch/v1/namespaces/pairs/jobs', {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: meta('bad'),
    spec: { template: { spec: simple } },
  }),
  remove('/apis/batch/v1/namespaces/pairs/jobs/j?propagationPolicy=Background'),
  post('create cron job', '/apis/batch/v1/namespaces/pairs/cronjobs', {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: meta('cj'),
    spec: {
      schedule: '* * * * *',
      jobTemplate: { spec: { template: { spec: { ...simple, restartPolicy: 'Never' } } } },
    },
  }),
  get('/apis/batch/v1/namespaces/pairs/cronjobs/cj', table),
  post('create role', `${rbac}/roles`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: meta('r'),
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  }),
  post('role without verbs', `${rbac}/roles`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: meta('bad'),
    rules: [{ apiGroups: [''], resources: ['pods'] }],
  }),
  post('create role binding', `${rbac}/rolebindings`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: meta('rb'),
    roleRef: { kind: 'Role', name: 'r', apiGroup: 'rbac.authorization.k8s.io' },
    subjects: [{ kind: 'User', name: 'jane' }],
  }),
  get(`${rbac}/rolebindings/rb`, table),
  patch('role reference changes', `${rbac}/rolebindings/rb`, merge, { roleRef: { name: 'other' } }),
  post('create lease', '/apis/coordination.k8s.io/v1/namespaces/pairs/leases', {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: meta('l'),
    spec: { holderIdentity: 'me' },
  }),
  get('/apis/coordination.k8s.io/v1/namespaces/pairs/leases/l', table),
  post('create endpoint slice', '/apis/discovery.k8s.io/v1/namespaces/pairs/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta('es'),
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'] }],
    ports: [{ port: 80 }],
  }),
  get('/apis/discovery.k8s.io/v1/namespaces/pairs/endpointslices/es', table),
  post('create network policy', '/apis/networking.k8s.io/v1/namespaces/pairs/networkpolicies', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta('np'),
    spec: { podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] },
  }),
  get('/apis/networking.k8s.io/v1/namespaces/pairs/networkpolicies/np', table),
  post('create disruption budget', '/apis/policy/v1/namespaces/pairs/poddisruptionbudgets', {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta('pdb'),
    spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
  }),
  get('/apis/policy/v1/namespaces/pairs/poddisruptionbudgets/pdb', table),
  post('create priority class', '/apis/scheduling.k8s.io/v1/priorityclasses', {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: meta('pairs'),
    value: 5,
  }),
  remove('/apis/scheduling.k8s.io/v1/priorityclasses/pairs'),
  post('self subject access review', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
  }),
  post('subject access review', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user: 'nobody', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'pairs' } },
  }),
  get('/api/v1/namespaces/pairs/configmaps?limit=1'),
  get('/healthz'),
  get('/readyz'),
];

const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const gadgets = '/apis/pairs.example.com/v1/namespaces/pairs/gadgets';
const gadget = (name: string, spec: object, more: object = {}): object => ({
  apiVersion: 'pairs.example.com/v1',
  kind: 'Gadget',
  metadata: meta(name),
  spec,
  ...more,
});
const custom: Exchange[] = [
  post('create crd', crdPath, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: meta('gadgets.pairs.example.com'),
    spec: {
      group: 'pairs.example.com',
      scope: 'Namespaced',
      names: { plural: 'gadgets', kind: 'Gadget', shortNames: ['gd'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  required: ['size'],
                  'x-kubernetes-validations': [
                    { rule: 'self.size < 100 || has(self.colour)', message: 'large gadgets need a colour' },
                    { rule: '!has(oldSelf.colour) || self.colour == oldSelf.colour', message: 'colour stays' },
                  ],
                  properties: {
                    size: { type: 'integer', minimum: 1, maximum: 1000 },
                    colour: { type: 'string', enum: ['red', 'blue'] },
                    mode: { type: 'string', default: 'plain', pattern: '^[a-z]+$', maxLength: 10 },
                    parts: {
                      type: 'array',
                      maxItems: 3,
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['name'],
                      items: {
                        type: 'object',
                        required: ['name'],
                        properties: { name: { type: 'string' }, count: { type: 'integer', default: 1 } },
                      },
                    },
                    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                    port: { 'x-kubernetes-int-or-string': true },
                  },
                },
                status: { type: 'object', properties: { phase: { type: 'string' } } },
              },
            },
          },
        },
      ],
    },
  }),
  post(
    'create gadget',
    gadgets,
    gadget('g', { size: 1, parts: [{ name: 'a' }], free: { x: [1, { y: 2 }] }, port: 'http' }),
  ),
  get(`${gadgets}/g`),
  get(`${gadgets}/g`, table),
  get(gadgets),
  post('gadget twice', gadgets, gadget('g', { size: 1 })),
  post('gadget without size', gadgets, gadget('bad', {})),
  post('gadget too small', gadgets, gadget('bad', { size: 0 })),
  post('gadget with a wrong type', gadgets, gadget('bad', { size: 'big' })),
  post('gadget of wrong colour', gadgets, gadget('bad', { size: 1, colour: 'green' })),
  post('gadget of wrong mode', gadgets, gadget('bad', { size: 1, mode: 'UPPER' })),
  post('gadget with a part twice', gadgets, gadget('bad', { size: 1, parts: [{ name: 'a' }, { name: 'a' }] })),
  post(
    'gadget with too many parts',
    gadgets,
    gadget('bad', { size: 1, parts: [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }] }),
  ),
  post('gadget against its rule', gadgets, gadget('bad', { size: 200 })),
  post('gadget with two faults', gadgets, gadget('bad', { size: 0, colour: 'green' })),
  post('unknown field of a gadget, strict', `${gadgets}?fieldValidation=Strict`, gadget('bad', { size: 1, weight: 2 })),
  post('unknown field of a gadget is pruned', gadgets, gadget('pruned', { size: 1, weight: 2 })),
  patch('gadget merge patch', `${gadgets}/g`, merge, { spec: { size: 5, colour: 'red' } }),
  patch('gadget transition rule', `${gadgets}/g`, merge, { spec: { colour: 'blue' } }),
  patch('gadget strategic patch', `${gadgets}/g`, strategic, { spec: { size: 6 } }),
  patch('gadget json patch', `${gadgets}/g`, jsonPatch, [{ op: 'replace', path: '/spec/size', value: 7 }]),
  patch('gadget status', `${gadgets}/g/status`, merge, { status: { phase: 'Ready' }, spec: { size: 9 } }),
  patch(
    'gadget apply',
    `${gadgets}/g?fieldManager=one&force=true`,
    apply,
    gadget('g', { size: 8, parts: [{ name: 'b', count: 2 }] }),
  ),
  patch('gadget apply conflict', `${gadgets}/g?fieldManager=two`, apply, gadget('g', { size: 9 })),
  remove(`${gadgets}/g`),
  remove(`${gadgets}/pruned`),
  get('/apis/pairs.example.com/v1'),
  get('/apis/pairs.example.com'),
  remove(`${crdPath}/gadgets.pairs.example.com`),
];

export const exchanges: readonly Exchange[] = [
  ...basics,
  ...applies,
  ...workloads,
  ...pods,
  ...services,
  ...secrets,
  ...others,
  ...custom,
];
