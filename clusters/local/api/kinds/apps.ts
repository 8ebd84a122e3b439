// Kinds of apps/v1.
import { type ApiObject, at, ensureFields, type Fields, isEqual, isFields, num, rec, str } from '../object.ts';
import { ageColumn, column, nameColumn, selectorText, templateColumns, wide } from './columns.ts';
import type { KindRules, ScaleRules } from './definition.ts';
import { defaultTemplate } from './pod-defaults.ts';
import { immutable, validateWorkload } from './pod-rules.ts';
import { groupOf } from './registry.ts';

const scale: ScaleRules = {
  specReplicas: '.spec.replicas',
  statusReplicas: '.status.replicas',
  selector: '.status.selector',
};
const count =
  (...path: string[]) =>
  (object: ApiObject): number =>
    num(at(object, ...path));
const selector = wide('Selector', (object) => selectorText(at(object, 'spec', 'selector')));

function workloadRules(more: {
  defaults(spec: Fields): void;
  status: Fields;
  columns: NonNullable<KindRules['columns']>;
}): KindRules {
  return {
    defaults(object) {
      const spec = ensureFields(object, 'spec');
      defaultTemplate(spec['template']);
      more.defaults(spec);
    },
    prepareCreate: (object) => {
      object['status'] = structuredClone(more.status);
    },
    validate: (object, problems) => validateWorkload(rec(object['spec']), problems),
    validateUpdate: (object, before, problems) =>
      immutable(at(object, 'spec', 'selector'), at(before, 'spec', 'selector'), 'spec.selector', problems),
    columns: more.columns,
  };
}

const deployment = workloadRules({
  status: {},
  defaults(spec) {
    spec['replicas'] ??= 1;
    const strategy = ensureFields(spec, 'strategy');
    if (str(strategy['type']) === '') strategy['type'] = 'RollingUpdate';
    if (strategy['type'] === 'RollingUpdate') {
      const rolling = ensureFields(strategy, 'rollingUpdate');
      rolling['maxUnavailable'] ??= '25%';
      rolling['maxSurge'] ??= '25%';
    }
    spec['revisionHistoryLimit'] ??= 10;
    spec['progressDeadlineSeconds'] ??= 600;
  },
  columns: [
    nameColumn,
    column('Ready', (o) => `${count('status', 'readyReplicas')(o)}/${count('spec', 'replicas')(o)}`),
    column('Up-to-date', count('status', 'updatedReplicas')),
    column('Available', count('status', 'availableReplicas')),
    ageColumn,
    ...templateColumns,
    selector,
  ],
});

const replicaSet = workloadRules({
  status: { replicas: 0 },
  defaults(spec) {
    spec['replicas'] ??= 1;
  },
  columns: [
    nameColumn,
    column('Desired', count('spec', 'replicas'), 'integer'),
    column('Current', count('status', 'replicas'), 'integer'),
    column('Ready', count('status', 'readyReplicas'), 'integer'),
    ageColumn,
    ...templateColumns,
    selector,
  ],
});

/** Upstream still counts changes of a DaemonSet's template in an annotation. */
const templateGeneration = 'deprecated.daemonset.template.generation';

const daemonSetBase = workloadRules({
  status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  defaults(spec) {
    const strategy = ensureFields(spec, 'updateStrategy');
    if (str(strategy['type']) === '') strategy['type'] = 'RollingUpdate';
    if (strategy['type'] === 'RollingUpdate') {
      const rolling = ensureFields(strategy, 'rollingUpdate');
      rolling['maxUnavailable'] ??= 1;
      rolling['maxSurge'] ??= 0;
    }
    spec['revisionHistoryLimit'] ??= 10;
  },
  columns: [
    nameColumn,
    column('Desired', count('status', 'desiredNumberScheduled'), 'integer'),
    column('Current', count('status', 'currentNumberScheduled'), 'integer'),
    column('Ready', count('status', 'numberReady'), 'integer'),
    column('Up-to-date', count('status', 'updatedNumberScheduled'), 'integer'),
    column('Available', count('status', 'numberAvailable'), 'integer'),
    column('Node Selector', (o) => selectorText(at(o, 'spec', 'template', 'spec', 'nodeSelector'))),
    ageColumn,
    ...templateColumns,
    selector,
  ],
});

const daemonSet: KindRules = {
  ...daemonSetBase,
  defaults(object) {
    daemonSetBase.defaults?.(object);
    object.metadata.annotations = { [templateGeneration]: '1', ...object.metadata.annotations };
  },
  prepareUpdate(object, before) {
    const held = Number(before.metadata.annotations?.[templateGeneration] ?? 1);
    const isChanged = !isEqual(at(object, 'spec', 'template'), at(before, 'spec', 'template'));
    object.metadata.annotations = {
      ...object.metadata.annotations,
      [templateGeneration]: String(isChanged ? held + 1 : held),
    };
  },
};

const statefulSet: KindRules = {
  ...workloadRules({
    status: { replicas: 0, availableReplicas: 0 },
    defaults(spec) {
      spec['replicas'] ??= 1;
      if (str(spec['podManagementPolicy']) === '') spec['podManagementPolicy'] = 'OrderedReady';
      const strategy = ensureFields(spec, 'updateStrategy');
      if (str(strategy['type']) === '') strategy['type'] = 'RollingUpdate';
      if (strategy['type'] === 'RollingUpdate') {
        const rolling = ensureFields(strategy, 'rollingUpdate');
        rolling['partition'] ??= 0;
      }
      spec['revisionHistoryLimit'] ??= 10;
      const retention = ensureFields(spec, 'persistentVolumeClaimRetentionPolicy');
      retention['whenDeleted'] ??= 'Retain';
      retention['whenScaled'] ??= 'Retain';
    },
    columns: [
      nameColumn,
      column('Ready', (o) => `${count('status', 'readyReplicas')(o)}/${count('spec', 'replicas')(o)}`),
      ageColumn,
      ...templateColumns,
    ],
  }),
  validateUpdate(object, before, problems) {
    const masked = (spec: Fields): Fields => {
      const copy = { ...spec };
      for (const key of [
        'replicas',
        'ordinals',
        'template',
        'updateStrategy',
        'revisionHistoryLimit',
        'persistentVolumeClaimRetentionPolicy',
        'minReadySeconds',
      ])
        delete copy[key];
      return copy;
    };
    if (!isEqual(masked(rec(object['spec'])), masked(rec(before['spec']))))
      problems.forbidden(
        'spec',
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      );
  },
};

export const appsKinds = groupOf('apps', 'v1', [
  {
    resource: 'deployments',
    kind: 'Deployment',
    short: ['deploy'],
    categories: ['all'],
    status: true,
    generation: true,
    scale: { ...scale, selector: '.spec.selector' },
    rules: deployment,
  },
  {
    resource: 'replicasets',
    kind: 'ReplicaSet',
    short: ['rs'],
    categories: ['all'],
    status: true,
    generation: true,
    scale: { ...scale, selector: '.spec.selector' },
    rules: replicaSet,
  },
  {
    resource: 'daemonsets',
    kind: 'DaemonSet',
    short: ['ds'],
    categories: ['all'],
    status: true,
    generation: true,
    rules: daemonSet,
  },
  {
    resource: 'statefulsets',
    kind: 'StatefulSet',
    short: ['sts'],
    categories: ['all'],
    status: true,
    generation: true,
    scale: { ...scale, selector: '.spec.selector' },
    rules: statefulSet,
  },
  {
    resource: 'controllerrevisions',
    kind: 'ControllerRevision',
    rules: {
      columns: [
        nameColumn,
        column('Controller', (object) => {
          const owner = object.metadata.ownerReferences?.find((item) => item.controller === true);
          if (owner === undefined) return '<none>';
          const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
          return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
        }),
        column('Revision', (object) => num(object['revision']), 'integer'),
        ageColumn,
      ],
      validateUpdate: (object, before, problems) => {
        if (isFields(before['data'])) immutable(object['data'], before['data'], 'data', problems);
      },
    },
  },
]);
