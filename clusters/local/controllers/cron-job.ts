// Makes Jobs at the times a CronJob's schedule names (UTC), by its concurrency policy, and keeps its history short.
import { isAlreadyExists, isNotFound } from '#lib/kube/errors.ts';
import { controllerReference, type KubeObject } from '#lib/kube/object.ts';
import { cronJobs, jobs } from '#lib/kube/refs.ts';
import { type Controller, type ControllerContext, enqueueOwner, enqueueSelf, toTime } from './controller.ts';
import { parseCron } from './cron-schedule.ts';
import { isFinished } from './job.ts';
import type { CronJob, Job } from './objects.ts';
import { canonicalJson } from './template-hash.ts';

export function cronJobController(context: ControllerContext): Controller {
  const { client, events, informers, now, signal } = context;
  const cache = informers.of<CronJob>(cronJobs);
  const owned = informers.owned<Job>(jobs);
  const drop = async (job: Job): Promise<void> => {
    const options = { uid: job.metadata.uid, propagationPolicy: 'Background', signal } as const;
    await client.delete(jobs, job.metadata, options).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  };
  return {
    name: 'cronjob',
    watches: [cronJobs, jobs],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      enqueueOwner(informers.of<Job>(jobs), 'CronJob', enqueue);
    },
    reconcile: async (key) => {
      const cron = cache.get(key);
      if (cron === undefined || cron.metadata.deletionTimestamp) return undefined;
      const mine = owned.of(cron.metadata.uid);
      const active = mine.filter((job) => !isFinished(job));
      for (const old of surplus(cron, mine)) await drop(old);
      const schedule = parseCron(cron.spec.schedule);
      if (schedule === undefined || (cron.spec.timeZone && !['UTC', 'Etc/UTC'].includes(cron.spec.timeZone))) {
        const what =
          schedule === undefined
            ? `schedule ${cron.spec.schedule}`
            : `timeZone ${cron.spec.timeZone}: only UTC is supported`;
        events.warning('cronjob-controller', cron, 'UnparseableSchedule', `invalid ${what}`);
        return undefined;
      }
      const nowMs = now();
      const due = lastDue(cron, schedule.next, nowMs);
      let lastScheduleTime = cron.status?.lastScheduleTime;
      const left: Job[] = [...active];
      if (due !== undefined && !cron.spec.suspend) {
        const forbidden = cron.spec.concurrencyPolicy === 'Forbid' && active.length > 0;
        if (!forbidden) {
          if (cron.spec.concurrencyPolicy === 'Replace') for (const job of left.splice(0)) await drop(job);
          const made = await client.create(jobs, toJob(cron, due), { signal }).catch((error: unknown) => {
            if (!isAlreadyExists(error)) throw error;
          });
          if (made) {
            events.normal('cronjob-controller', cron, 'SuccessfulCreate', `Created job ${made.metadata.name}`);
            left.push(made);
          }
          lastScheduleTime = toTime(due);
        }
      }
      const successes = mine.flatMap(({ status }) => status?.completionTime ?? []).sort();
      const lastSuccessfulTime = successes.at(-1) ?? cron.status?.lastSuccessfulTime;
      const status = {
        active:
          left.length > 0
            ? left.map(({ metadata: { name, namespace, uid = '' } }) => ({
                apiVersion: 'batch/v1',
                kind: 'Job',
                name,
                namespace,
                uid,
              }))
            : undefined,
        lastScheduleTime,
        lastSuccessfulTime,
      };
      const plain = (value: CronJob['status']): string =>
        canonicalJson({ ...value, active: value?.active?.map(({ uid }) => uid) });
      if (plain(status) !== plain(cron.status))
        await client.replaceStatus<CronJob>(cronJobs, { ...cron, status }, { signal });
      const next = schedule.next(nowMs);
      return next === undefined || cron.spec.suspend ? undefined : next - nowMs;
    },
  };
}

/** The latest time that has passed and has no Job yet; times missed by more than the deadline are let go. */
export function lastDue(cron: CronJob, next: (ms: number) => number | undefined, nowMs: number): number | undefined {
  const since = Date.parse(cron.status?.lastScheduleTime ?? cron.metadata.creationTimestamp ?? '') || nowMs;
  const deadline = cron.spec.startingDeadlineSeconds;
  let from = Math.max(since, deadline === undefined ? 0 : nowMs - deadline * 1000);
  let due: number | undefined;
  // As upstream, 100 missed times without a look mean something else is wrong: start from the last day.
  for (let count = 0; ; count++) {
    const at = next(from);
    if (at === undefined || at > nowMs) return due;
    due = at;
    from = count === 100 ? Math.max(at, nowMs - 86_400_000) : at;
  }
}

function toJob(cron: CronJob, dueMs: number): Job {
  const { metadata = {}, spec } = cron.spec.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${cron.metadata.name.slice(0, 52)}-${Math.floor(dueMs / 60_000)}`,
      namespace: cron.metadata.namespace,
      labels: metadata.labels,
      annotations: { ...metadata.annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': toTime(dueMs) },
      ownerReferences: [controllerReference(cron as KubeObject)],
    },
    spec: structuredClone(spec),
  };
}

function surplus(cron: CronJob, mine: readonly Job[]): Job[] {
  const ended = (type: string): Job[] =>
    mine
      .filter(({ status }) => status?.conditions?.some((each) => each.type === type && each.status === 'True'))
      .sort((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''));
  const beyond = (list: Job[], limit: number): Job[] => list.slice(0, Math.max(0, list.length - limit));
  return [
    ...beyond(ended('Complete'), cron.spec.successfulJobsHistoryLimit ?? 3),
    ...beyond(ended('Failed'), cron.spec.failedJobsHistoryLimit ?? 1),
  ];
}
