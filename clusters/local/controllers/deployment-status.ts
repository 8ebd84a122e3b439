// A Deployment's counts and conditions, pure: Available, Progressing with its deadline, as `kubectl rollout status` reads.
import { toTime } from './controller.ts';
import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from './objects.ts';
import { findCondition } from './pod-state.ts';
import { bounds, replicasOf } from './rollout.ts';

export interface StatusInput {
  readonly deployment: Deployment;
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  /** The new set was made in this pass. */
  readonly created?: boolean | undefined;
  readonly failure?: string | undefined;
  readonly collisionCount?: number | undefined;
  readonly nowMs: number;
}

/** `progressDeadlineSeconds` of the API when it is not set means no deadline. */
const NO_DEADLINE = 2 ** 31 - 1;

export function toDeploymentStatus(input: StatusInput): DeploymentStatus {
  const { deployment, current, old, nowMs } = input;
  const sets = current ? [...old, current] : old;
  const total = (of: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((count, set) => count + (of(set) ?? 0), 0);
  const available = total((set) => set.status?.availableReplicas);
  const counts = {
    replicas: total((set) => set.status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: total((set) => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total((set) => replicasOf(set)) - available),
  };
  const conditions = [...(deployment.status?.conditions ?? [])];
  const needed = replicasOf(deployment) - bounds(deployment).maxUnavailable;
  const enough = available >= needed;
  set(conditions, nowMs, {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
  });
  const progressing = toProgressing(input, counts);
  if (progressing) set(conditions, nowMs, progressing.condition, progressing.touch);
  const failure = input.failure ?? findCondition(current?.status?.conditions, 'ReplicaFailure')?.message;
  const failedAt = conditions.findIndex((condition) => condition.type === 'ReplicaFailure');
  if (failure)
    set(conditions, nowMs, { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: failure });
  else if (failedAt >= 0) conditions.splice(failedAt, 1);
  const orUndefined = (count: number): number | undefined => (count > 0 ? count : undefined);
  return {
    observedGeneration: deployment.metadata.generation,
    replicas: orUndefined(counts.replicas),
    updatedReplicas: orUndefined(counts.updatedReplicas),
    readyReplicas: orUndefined(counts.readyReplicas),
    availableReplicas: orUndefined(counts.availableReplicas),
    unavailableReplicas: orUndefined(counts.unavailableReplicas),
    collisionCount: input.collisionCount ?? deployment.status?.collisionCount,
    conditions,
  };
}

type Counts = Required<Pick<DeploymentStatus, 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'>>;

/** All pods are of the new template and available, and none is left over. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const replicas = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function toProgressing(
  { deployment, current, created, nowMs }: StatusInput,
  counts: Counts & object,
): { condition: Condition; touch: boolean } | undefined {
  const type = 'Progressing';
  const known = findCondition(deployment.status?.conditions, type);
  if (deployment.spec.paused) {
    if (known?.reason === 'DeploymentPaused') return undefined;
    const message = 'Deployment is paused';
    return { condition: { type, status: 'Unknown', reason: 'DeploymentPaused', message }, touch: true };
  }
  const name = current?.metadata.name ?? '';
  if (known?.reason === 'DeploymentPaused') {
    const condition = { type, status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
    return { condition, touch: true };
  }
  if (current === undefined) return undefined;
  const before = deployment.status ?? {};
  const generation = deployment.metadata.generation;
  const status: DeploymentStatus = { ...counts, observedGeneration: generation } as DeploymentStatus;
  if (isComplete(deployment, status)) {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    return { condition: { type, status: 'True', reason: 'NewReplicaSetAvailable', message }, touch: false };
  }
  if (created) {
    const message = `Created new replica set "${name}"`;
    return { condition: { type, status: 'True', reason: 'NewReplicaSetCreated', message }, touch: true };
  }
  const wasOld = (before.replicas ?? 0) - (before.updatedReplicas ?? 0);
  const moved =
    counts.updatedReplicas! > (before.updatedReplicas ?? 0) ||
    counts.replicas! - counts.updatedReplicas! < wasOld ||
    counts.readyReplicas! > (before.readyReplicas ?? 0) ||
    counts.availableReplicas! > (before.availableReplicas ?? 0);
  // A finished rollout stays finished when pods fail later; a new template or size starts over.
  const finished = known?.reason === 'NewReplicaSetAvailable' && known.message?.includes(`"${name}"`);
  if (moved || known === undefined || (known.reason === 'NewReplicaSetAvailable' && !finished)) {
    const message = `ReplicaSet "${name}" is progressing.`;
    return { condition: { type, status: 'True', reason: 'ReplicaSetUpdated', message }, touch: true };
  }
  const deadlineMs = deadlineAt(deployment);
  if (!finished && deadlineMs !== undefined && nowMs >= deadlineMs) {
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    return { condition: { type, status: 'False', reason: 'ProgressDeadlineExceeded', message }, touch: false };
  }
  return undefined;
}

/** Wall-clock milliseconds at which a rollout without progress counts as failed. */
export function deadlineAt(deployment: Deployment, status = deployment.status): number | undefined {
  const seconds = deployment.spec.progressDeadlineSeconds ?? NO_DEADLINE;
  const known = findCondition(status?.conditions, 'Progressing');
  if (seconds >= NO_DEADLINE || known?.status === 'False' || deployment.spec.paused) return undefined;
  if (known?.reason === 'NewReplicaSetAvailable') return undefined;
  const since = Date.parse(known?.lastUpdateTime ?? '');
  return Number.isNaN(since) ? undefined : since + seconds * 1000;
}

/** Times change only with what they describe, so that an unchanged status is byte-equal. */
function set(conditions: Condition[], nowMs: number, next: Condition, touch = false): void {
  const at = conditions.findIndex((condition) => condition.type === next.type);
  const known = conditions[at];
  const same = known?.status === next.status && known.reason === next.reason && known.message === next.message;
  if (same && !touch) return;
  const lastTransitionTime = known?.status === next.status ? known.lastTransitionTime : toTime(nowMs);
  const condition = { ...next, lastUpdateTime: toTime(nowMs), lastTransitionTime };
  if (at < 0) conditions.push(condition);
  else conditions[at] = condition;
}
