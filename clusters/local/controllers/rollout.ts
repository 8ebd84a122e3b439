// The arithmetic of a Deployment's rolling update, pure. Two bounds hold at every moment, also while the status of
// ReplicaSets lags behind their spec: never more than replicas + maxSurge pods, never fewer available than
// replicas - maxUnavailable. So a set that is shrinking counts with what it still has, and a set can have no more
// available pods than its spec allows.
import type { Deployment, IntOrString, ReplicaSet } from './objects.ts';

export const ANNOTATION = {
  revision: 'deployment.kubernetes.io/revision',
  history: 'deployment.kubernetes.io/revision-history',
  desired: 'deployment.kubernetes.io/desired-replicas',
  max: 'deployment.kubernetes.io/max-replicas',
} as const;

export type Sizes = ReadonlyMap<string, number>;

export function replicasOf(object: Deployment | ReplicaSet): number {
  return object.spec.replicas ?? 1;
}

/** Pods a set has or is about to have. */
export const occupied = (set: ReplicaSet): number => Math.max(replicasOf(set), set.status?.replicas ?? 0);
/** Available pods that will still be there once the set has obeyed its spec. */
export const dependable = (set: ReplicaSet): number => Math.min(replicasOf(set), set.status?.availableReplicas ?? 0);

const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + of(set), 0);

/** `25%` of `total`, or the number itself. */
export function resolveIntOrPercent(value: IntOrString | undefined, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'string' && value.endsWith('%')) {
    const exact = (Number(value.slice(0, -1)) * total) / 100;
    return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
  }
  return Number(value ?? 0);
}

/** maxSurge rounds up, maxUnavailable down; both zero would never move, so one may then be unavailable. */
export function bounds(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const { strategy } = deployment.spec;
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const replicas = replicasOf(deployment);
  const maxSurge = resolveIntOrPercent(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, 'up');
  const unavailable = resolveIntOrPercent(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, 'down');
  const maxUnavailable = maxSurge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas);
  return { maxSurge, maxUnavailable };
}

/** The size the new set may have now; `current` is undefined when it has yet to be made. */
export function newSetSize(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): number {
  const replicas = replicasOf(deployment);
  const size = current ? replicasOf(current) : 0;
  if (size >= replicas || deployment.spec.strategy?.type === 'Recreate') return replicas;
  const room = replicas + bounds(deployment).maxSurge - sum(old, occupied) - (current ? occupied(current) : 0);
  return size + Math.max(0, Math.min(room, replicas - size));
}

/** The sizes the old sets may shrink to now: unhealthy pods go first, oldest sets first. */
export function oldSetSizes(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Sizes {
  const sizes = new Map<string, number>();
  const minAvailable = replicasOf(deployment) - bounds(deployment).maxUnavailable;
  const newUnavailable = replicasOf(current) - dependable(current);
  let budget = sum([...old, current], replicasOf) - minAvailable - newUnavailable;
  const byAge = [...old].sort((a, b) => ageOf(a) - ageOf(b));
  for (const set of byAge) {
    const unhealthy = replicasOf(set) - dependable(set);
    const cut = Math.min(budget, unhealthy);
    if (cut <= 0) continue;
    sizes.set(set.metadata.name, replicasOf(set) - cut);
    budget -= cut;
  }
  const sizeOf = (set: ReplicaSet): number => sizes.get(set.metadata.name) ?? replicasOf(set);
  const available = sum(old, (set) => Math.min(sizeOf(set), dependable(set))) + dependable(current);
  let spare = Math.min(budget, available - minAvailable);
  for (const set of byAge) {
    const cut = Math.min(spare, sizeOf(set));
    if (cut <= 0) continue;
    sizes.set(set.metadata.name, sizeOf(set) - cut);
    spare -= cut;
  }
  return sizes;
}

const ageOf = (set: ReplicaSet): number => Date.parse(set.metadata.creationTimestamp ?? '') || 0;

/** True when `spec.replicas` of the Deployment changed since the sets were last sized. */
export function isScalingEvent(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const desired = set.metadata.annotations?.[ANNOTATION.desired];
    return replicasOf(set) > 0 && desired !== undefined && Number(desired) !== replicasOf(deployment);
  });
}

/** Sizes after a change of `spec.replicas`: one live set takes it all, several share in proportion to their size. */
export function scaledSizes(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Sizes {
  const replicas = replicasOf(deployment);
  const all = current ? [...old, current] : [...old];
  const active = all.filter((set) => replicasOf(set) > 0);
  const only = active.length === 1 ? active[0] : active.length === 0 ? (current ?? newest(old)) : undefined;
  if (active.length <= 1) return only ? new Map([[only.metadata.name, replicas]]) : new Map();
  if (current && replicasOf(current) === replicas && dependable(current) === replicas) {
    return new Map(old.filter((set) => replicasOf(set) > 0).map((set) => [set.metadata.name, 0]));
  }
  if (deployment.spec.strategy?.type === 'Recreate') return new Map();
  return proportional(deployment, active);
}

function newest(sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort((a, b) => ageOf(b) - ageOf(a))[0];
}

function proportional(deployment: Deployment, active: readonly ReplicaSet[]): Sizes {
  const replicas = replicasOf(deployment);
  const allowed = replicas > 0 ? replicas + bounds(deployment).maxSurge : 0;
  const toAdd = allowed - sum(active, replicasOf);
  const byAge = (a: ReplicaSet, b: ReplicaSet): number => (toAdd > 0 ? ageOf(b) - ageOf(a) : ageOf(a) - ageOf(b));
  const ordered = [...active].sort((a, b) => replicasOf(b) - replicasOf(a) || byAge(a, b));
  const sizes = new Map<string, number>();
  let added = 0;
  for (const set of ordered) {
    const size = replicasOf(set);
    const before = Number(set.metadata.annotations?.[ANNOTATION.max] ?? deployment.status?.replicas ?? 0);
    const share = replicas === 0 ? -size : before > 0 ? Math.round((size * allowed) / before) - size : 0;
    const part = toAdd > 0 ? Math.max(0, Math.min(share, toAdd - added)) : Math.min(0, Math.max(share, toAdd - added));
    added += part;
    sizes.set(set.metadata.name, size + part);
  }
  const first = ordered[0]!.metadata.name;
  sizes.set(first, Math.max(0, sizes.get(first)! + toAdd - added));
  return sizes;
}
