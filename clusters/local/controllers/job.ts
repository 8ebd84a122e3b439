// Runs a Job's pods to completion: parallelism, completions, retries with back-off, deadlines, clean-up after a time.
import { isNotFound } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { jobs, pods } from '#lib/kube/refs.ts';
import { type Controller, type ControllerContext, enqueueOwner, enqueueSelf, toTime } from './controller.ts';
import type { Condition, Job, JobStatus, Pod } from './objects.ts';
import { PodControl, UNSETTLED_MS } from './pod-control.ts';
import { podFromTemplate } from './pod-factory.ts';
import { findCondition, isPodActive, isPodReady } from './pod-state.ts';
import { canonicalJson } from './template-hash.ts';

const INDEX = 'batch.kubernetes.io/job-completion-index';
const BACKOFF = { baseMs: 10_000, maxMs: 600_000 };

export function jobController(context: ControllerContext): Controller {
  const { client, events, informers, now, signal } = context;
  const cache = informers.of<Job>(jobs);
  const owned = informers.owned<Pod>(pods);
  const control = new PodControl(context, 'job-controller');
  return {
    name: 'job',
    watches: [jobs, pods],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      enqueueOwner(informers.of<Pod>(pods), 'Job', enqueue);
    },
    reconcile: async (key) => {
      const job = cache.get(key);
      if (job === undefined || job.metadata.deletionTimestamp) return undefined;
      if (!control.settled(job)) return UNSETTLED_MS;
      const plan = planJob(job, owned.of(job.metadata.uid), now());
      if (plan.status && canonicalJson(plan.status) !== canonicalJson(job.status)) {
        await client.replaceStatus<Job>(jobs, { ...job, status: plan.status }, { signal });
        const done = plan.status.conditions?.find((each) => each.type === 'Complete' || each.type === 'Failed');
        if (done && !isFinished(job)) {
          if (done.type === 'Complete') events.normal('job-controller', job, 'Completed', 'Job completed');
          else events.warning('job-controller', job, done.reason ?? 'Failed', done.message ?? 'Job failed');
        }
      }
      await control.deleteAll(job, plan.remove);
      await control.createAll(job, plan.create);
      if (plan.expired) {
        const { uid } = job.metadata;
        await client
          .delete(jobs, job.metadata, { uid, propagationPolicy: 'Background', signal })
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
      }
      return plan.againMs;
    },
  };
}

export interface JobPlan {
  readonly status?: JobStatus | undefined;
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  /** Its time to live after finishing is over. */
  readonly expired?: boolean | undefined;
  readonly againMs?: number | undefined;
}

export const isFinished = (job: Job): boolean =>
  (job.status?.conditions ?? []).some(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );

/** What to do about one Job now, pure. */
export function planJob(job: Job, owned: readonly Pod[], nowMs: number): JobPlan {
  const { spec } = job;
  const active = owned.filter(isPodActive);
  if (isFinished(job)) return { create: [], remove: active, ...lifetime(job, nowMs) };
  const indexed = spec.completionMode === 'Indexed';
  const succeededPods = owned.filter((pod) => pod.status?.phase === 'Succeeded');
  const indexes = [...new Set(succeededPods.map(indexOf))].sort((a, b) => a - b);
  const succeeded = Math.max(job.status?.succeeded ?? 0, indexed ? indexes.length : succeededPods.length);
  const failedPods = owned.filter((pod) => pod.status?.phase === 'Failed');
  const failed = Math.max(job.status?.failed ?? 0, failedPods.length);
  const startTime = spec.suspend ? undefined : (job.status?.startTime ?? toTime(nowMs));
  const base: JobStatus = {
    ...job.status,
    startTime,
    active: active.length || undefined,
    ready: active.filter(isPodReady).length,
    terminating: owned.filter((pod) => pod.metadata.deletionTimestamp).length,
    succeeded: succeeded || undefined,
    failed: failed || undefined,
    uncountedTerminatedPods: job.status?.uncountedTerminatedPods ?? {},
    ...(indexed && indexes.length > 0 ? { completedIndexes: toRanges(indexes) } : {}),
  };
  const end = (conditions: Condition[], completionTime?: string): JobPlan => {
    const status = { ...base, active: undefined, ready: 0, conditions: [...others(job, conditions), ...conditions] };
    return { status: completionTime ? { ...status, completionTime } : status, create: [], remove: active, againMs: 1 };
  };
  const failure = failureOf(job, failed, startTime, nowMs);
  if (failure)
    return end(['FailureTarget', 'Failed'].map((type) => dated({ type, status: 'True', ...failure }, nowMs)));
  const completions = spec.completions ?? undefined;
  const parallelism = spec.parallelism ?? 1;
  const complete = completions === undefined ? succeeded > 0 && active.length === 0 : succeeded >= completions;
  if (complete) {
    const reason = 'CompletionsReached';
    const message = 'Reached expected number of succeeded pods';
    const conditions = ['SuccessCriteriaMet', 'Complete'].map((type) =>
      dated({ type, status: 'True', reason, message }, nowMs),
    );
    return end(conditions, toTime(nowMs));
  }
  if (spec.suspend) {
    const suspended = { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' };
    return { status: withCondition(base, suspended, nowMs), create: [], remove: active };
  }
  const resumed = { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' };
  const status = findCondition(base.conditions, 'Suspended') ? withCondition(base, resumed, nowMs) : base;
  const left = completions === undefined ? (succeeded > 0 ? active.length : parallelism) : completions - succeeded;
  const wanted = Math.min(parallelism, left);
  const deadlineMs =
    spec.activeDeadlineSeconds && startTime
      ? Date.parse(startTime) + spec.activeDeadlineSeconds * 1000 - nowMs
      : undefined;
  if (active.length > wanted) return { status, create: [], remove: active.slice(wanted), againMs: deadlineMs };
  const waitMs = backoffMs(failedPods, succeededPods, nowMs);
  if (waitMs > 0) return { status, create: [], remove: [], againMs: Math.min(waitMs, deadlineMs ?? waitMs) };
  const missing = wanted - active.length;
  const free = indexed
    ? freeIndexes(completions ?? 0, indexes, active).slice(0, missing)
    : Array<undefined>(missing).fill(undefined);
  return { status, create: free.map((index) => jobPod(job, index)), remove: [], againMs: deadlineMs };
}

function lifetime(job: Job, nowMs: number): Pick<JobPlan, 'expired' | 'againMs'> {
  const ttl = job.spec.ttlSecondsAfterFinished;
  if (ttl === undefined) return {};
  const done = job.status?.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
  const leftMs = Date.parse(done?.lastTransitionTime ?? '') + ttl * 1000 - nowMs;
  return leftMs > 0 ? { againMs: leftMs } : { expired: true };
}

function failureOf(
  job: Job,
  failed: number,
  startTime: string | undefined,
  nowMs: number,
): Pick<Condition, 'reason' | 'message'> | undefined {
  if (failed > (job.spec.backoffLimit ?? 6)) {
    return { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  }
  const limit = job.spec.activeDeadlineSeconds;
  if (limit !== undefined && startTime !== undefined && nowMs >= Date.parse(startTime) + limit * 1000) {
    return { reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  }
  return undefined;
}

/** Ten seconds after the first failure in a row, doubling to ten minutes. */
function backoffMs(failed: readonly Pod[], succeeded: readonly Pod[], nowMs: number): number {
  const lastSuccess = Math.max(0, ...succeeded.map(endedAt));
  const times = failed.map(endedAt).filter((time) => time > lastSuccess);
  if (times.length === 0) return 0;
  const wait = Math.min(BACKOFF.maxMs, BACKOFF.baseMs * 2 ** Math.min(times.length - 1, 20));
  return Math.max(0, Math.max(...times) + wait - nowMs);
}

function endedAt(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(
    (each) => Date.parse(each.state?.terminated?.finishedAt ?? '') || 0,
  );
  return Math.max(0, ...ends);
}

const indexOf = (pod: Pod): number => Number(pod.metadata.annotations?.[INDEX] ?? -1);

function freeIndexes(completions: number, done: readonly number[], active: readonly Pod[]): number[] {
  const taken = new Set([...done, ...active.map(indexOf)]);
  return Array.from({ length: completions }, (_, index) => index).filter((index) => !taken.has(index));
}

/** `0-2,5`. */
function toRanges(indexes: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const index of indexes) {
    const last = ranges.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

function jobPod(job: Job, index: number | undefined): Pod {
  const { name, uid = '' } = job.metadata;
  const labels = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
    ...(index === undefined ? {} : { [INDEX]: String(index) }),
  };
  const annotations = index === undefined ? {} : { [INDEX]: String(index) };
  const pod = podFromTemplate({ owner: job as KubeObject, template: job.spec.template, labels, annotations });
  if (index === undefined) return pod;
  const env = { name: 'JOB_COMPLETION_INDEX', value: String(index) };
  const containers = pod.spec.containers.map((container) => {
    const known = (container as { env?: unknown[] }).env ?? [];
    return { ...container, env: [...known, env] };
  });
  return { ...pod, spec: { ...pod.spec, containers } };
}

const others = (job: Job, conditions: readonly Condition[]): Condition[] =>
  (job.status?.conditions ?? []).filter(({ type }) => !conditions.some((each) => each.type === type));

const dated = (condition: Condition, nowMs: number): Condition => ({
  ...condition,
  lastProbeTime: toTime(nowMs),
  lastTransitionTime: toTime(nowMs),
});

function withCondition(status: JobStatus, condition: Condition, nowMs: number): JobStatus {
  const known = findCondition(status.conditions, condition.type);
  if (known?.status === condition.status) return status;
  const rest = (status.conditions ?? []).filter(({ type }) => type !== condition.type);
  return { ...status, conditions: [...rest, dated(condition, nowMs)] };
}
