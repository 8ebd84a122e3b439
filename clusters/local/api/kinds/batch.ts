// Kinds of batch/v1.
import { type ApiObject, at, ensureFields, isFields, list, num, rec, recs, str } from '../object.ts';
import { ageColumn, ageOf, column, humanDuration, nameColumn, selectorText, templateColumns, wide } from './columns.ts';
import type { KindRules } from './definition.ts';
import { defaultTemplate } from './pod-defaults.ts';
import { immutable, validatePodSpec } from './pod-rules.ts';
import { groupOf } from './registry.ts';

function defaultJobSpec(spec: Record<string, unknown>): void {
  defaultTemplate(spec['template']);
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) spec['completions'] = 1;
  spec['parallelism'] ??= 1;
  spec['backoffLimit'] ??= 6;
  spec['completionMode'] ??= 'NonIndexed';
  spec['suspend'] ??= false;
  spec['manualSelector'] ??= false;
  spec['podReplacementPolicy'] ??= isFields(spec['podFailurePolicy']) ? 'Failed' : 'TerminatingOrFailed';
}

function jobStatus(job: ApiObject): string {
  const conditions = recs(at(job, 'status', 'conditions'));
  const has = (type: string): boolean => conditions.some((c) => c['type'] === type && c['status'] === 'True');
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (has('Suspended')) return 'Suspended';
  if (has('FailureTarget')) return 'FailureTarget';
  if (has('SuccessCriteriaMet')) return 'SuccessCriteriaMet';
  return 'Running';
}

const job: KindRules = {
  defaults(object) {
    defaultJobSpec(ensureFields(object, 'spec'));
  },
  prepareCreate(object) {
    object['status'] = {};
    const spec = rec(object['spec']);
    if (spec['manualSelector'] === true) return;
    const uid = object.metadata.uid ?? '';
    const labels = ensureFields(ensureFields(ensureFields(spec, 'template'), 'metadata'), 'labels');
    for (const key of ['batch.kubernetes.io/controller-uid', 'controller-uid']) labels[key] = uid;
    for (const key of ['batch.kubernetes.io/job-name', 'job-name']) labels[key] = object.metadata.name;
    spec['selector'] = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
  },
  validate(object, problems) {
    const template = rec(at(object, 'spec', 'template', 'spec'));
    validatePodSpec(template, 'spec.template.spec', problems);
    if (template['restartPolicy'] === 'Always')
      problems.required('spec.template.spec.restartPolicy', 'valid values: "OnFailure", "Never"');
  },
  validateUpdate(object, before, problems) {
    immutable(at(object, 'spec', 'selector'), at(before, 'spec', 'selector'), 'spec.selector', problems);
    immutable(at(object, 'spec', 'template'), at(before, 'spec', 'template'), 'spec.template', problems);
    immutable(
      at(object, 'spec', 'completionMode'),
      at(before, 'spec', 'completionMode'),
      'spec.completionMode',
      problems,
    );
  },
  columns: [
    nameColumn,
    column('Status', jobStatus),
    column('Completions', (object) => {
      const succeeded = num(at(object, 'status', 'succeeded'));
      const completions = at(object, 'spec', 'completions');
      if (typeof completions === 'number') return `${succeeded}/${completions}`;
      const parallelism = num(at(object, 'spec', 'parallelism'));
      return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
    }),
    column('Duration', (object) => {
      const start = str(at(object, 'status', 'startTime'));
      if (start === '') return '';
      const end = str(at(object, 'status', 'completionTime'));
      return humanDuration((end === '' ? Date.now() : Date.parse(end)) - Date.parse(start));
    }),
    ageColumn,
    ...templateColumns,
    wide('Selector', (object) => selectorText(at(object, 'spec', 'selector'))),
  ],
  selectable: { 'status.successful': (object) => String(num(at(object, 'status', 'succeeded'))) },
};

const cronJob: KindRules = {
  defaults(object) {
    const spec = ensureFields(object, 'spec');
    spec['concurrencyPolicy'] ??= 'Allow';
    spec['suspend'] ??= false;
    spec['successfulJobsHistoryLimit'] ??= 3;
    spec['failedJobsHistoryLimit'] ??= 1;
    const template = at(spec, 'jobTemplate', 'spec', 'template');
    defaultTemplate(template);
  },
  prepareCreate: (object) => {
    object['status'] = {};
  },
  columns: [
    nameColumn,
    column('Schedule', (o) => str(at(o, 'spec', 'schedule'))),
    column('Timezone', (o) => str(at(o, 'spec', 'timeZone')) || '<none>'),
    column('Suspend', (o) => (at(o, 'spec', 'suspend') === true ? 'True' : 'False')),
    column('Active', (o) => list(at(o, 'status', 'active')).length, 'integer'),
    column('Last Schedule', (o) => {
      const last = at(o, 'status', 'lastScheduleTime');
      return last === undefined ? '<none>' : ageOf(last);
    }),
    ageColumn,
  ],
};

export const batchKinds = groupOf('batch', 'v1', [
  { resource: 'jobs', kind: 'Job', categories: ['all'], status: true, generation: true, rules: job },
  {
    resource: 'cronjobs',
    kind: 'CronJob',
    short: ['cj'],
    categories: ['all'],
    status: true,
    generation: true,
    rules: cronJob,
  },
]);
