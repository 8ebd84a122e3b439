import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Deployment, ReplicaSet } from '../../../../clusters/local/controllers/objects.ts';
import {
  bounds,
  newSetSize,
  oldSetSizes,
  replicasOf,
  resolveIntOrPercent,
  scaledSizes,
} from '../../../../clusters/local/controllers/rollout.ts';

const deployment = (replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: {},
    template: { spec: { containers: [] } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
  },
});
const set = (name: string, replicas: number, has: number, available: number, max?: number): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name, annotations: max === undefined ? {} : { 'deployment.kubernetes.io/max-replicas': String(max) } },
  spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
  status: { replicas: has, availableReplicas: available },
});

describe('bounds', () => {
  test('surge rounds up, unavailable down, and not both are zero', () => {
    expect(resolveIntOrPercent('25%', 3, 'up')).toBe(1);
    expect(resolveIntOrPercent('25%', 3, 'down')).toBe(0);
    expect(bounds(deployment(3, '25%', '25%'))).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    expect(bounds(deployment(3, 0, 0))).toEqual({ maxSurge: 0, maxUnavailable: 1 });
  });
});

describe('one step', () => {
  test('an old set whose status still shows a pod too many is not shrunk twice for it', () => {
    // 4 wanted, none may be missing. The old set was just shrunk to 3, its status still says 4; 2 new pods are available.
    const sizes = oldSetSizes(deployment(4, 1, 0), set('new', 2, 2, 2), [set('old', 3, 4, 4)]);
    expect(sizes.get('old')).toBe(2);
  });

  test('a set that is still shrinking leaves no room for a surge', () => {
    expect(newSetSize(deployment(4, 1, 0), set('new', 1, 1, 1), [set('old', 3, 4, 4)])).toBe(1);
    expect(newSetSize(deployment(4, 1, 0), set('new', 1, 1, 1), [set('old', 3, 3, 3)])).toBe(2);
  });

  test('old pods that are not available go first', () => {
    const sizes = oldSetSizes(deployment(4, 2, 1), set('new', 2, 2, 1), [set('good', 2, 2, 2), set('bad', 2, 2, 0)]);
    expect(sizes.get('bad')).toBe(0);
    expect(sizes.get('good')).toBeUndefined();
  });

  test('scaling in the middle of a rollout shares in proportion', () => {
    const sizes = scaledSizes(deployment(10, 0, 1), set('new', 2, 2, 2, 5), [set('old', 3, 3, 3, 5)]);
    expect(Object.fromEntries(sizes)).toEqual({ old: 6, new: 4 });
  });
});

interface RealSet {
  spec: number;
  /** Ages of readiness: true when available. */
  pods: boolean[];
  status: { replicas: number; available: number };
}

/** A cluster in which the ReplicaSet controller, the pods and the status reports come in any order and any delay. */
function simulate(replicas: number, maxSurge: number, maxUnavailable: number, steps: readonly number[]) {
  const wanted = deployment(replicas, maxSurge, maxUnavailable);
  const limits = bounds(wanted);
  const old: RealSet = {
    spec: replicas,
    pods: Array<boolean>(replicas).fill(true),
    status: { replicas, available: replicas },
  };
  const fresh: RealSet = {
    spec: newSetSize(wanted, undefined, [set('old', replicas, replicas, replicas)]),
    pods: [],
    status: { replicas: 0, available: 0 },
  };
  const look = (name: string, real: RealSet): ReplicaSet =>
    set(name, real.spec, real.status.replicas, real.status.available);
  const problems: string[] = [];
  const check = (): void => {
    const all = old.pods.length + fresh.pods.length;
    const available = [...old.pods, ...fresh.pods].filter(Boolean).length;
    if (all > replicas + limits.maxSurge) problems.push(`${all} pods`);
    if (available < replicas - limits.maxUnavailable) problems.push(`${available} available`);
  };
  const deploy = (): void => {
    const size = newSetSize(wanted, look('new', fresh), [look('old', old)]);
    if (size !== fresh.spec) {
      fresh.spec = size;
      return;
    }
    old.spec = oldSetSizes(wanted, look('new', fresh), [look('old', old)]).get('old') ?? old.spec;
  };
  const obey = (real: RealSet): void => {
    while (real.pods.length < real.spec) real.pods.push(false);
    real.pods.sort((a, b) => Number(b) - Number(a)).length = Math.min(real.pods.length, real.spec);
  };
  const report = (real: RealSet): void => {
    real.status = { replicas: real.pods.length, available: real.pods.filter(Boolean).length };
  };
  const ripen = (real: RealSet): void => {
    const next = real.pods.indexOf(false);
    if (next >= 0) real.pods[next] = true;
  };
  const moves = [
    deploy,
    () => obey(old),
    () => obey(fresh),
    () => report(old),
    () => report(fresh),
    () => ripen(fresh),
  ];
  for (const step of steps) {
    moves[step % moves.length]!();
    check();
  }
  for (let round = 0; round < 40 * (replicas + 1); round++) {
    moves[round % moves.length]!();
    check();
  }
  return { problems, done: fresh.pods.length === replicas && old.pods.length === 0 };
}

test('no order and no delay of reports breaks a bound, and every rollout ends', () => {
  const order = fc.array(fc.nat(5), { maxLength: 200 });
  const property = fc.property(
    fc.integer({ min: 1, max: 8 }),
    fc.nat(3),
    fc.nat(3),
    order,
    (replicas, surge, unavailable, steps) => {
      expect(simulate(replicas, surge, unavailable, steps)).toEqual({ problems: [], done: true });
    },
  );
  fc.assert(property, { numRuns: 500, seed: 7 });
  expect(replicasOf(deployment(3, 1, 1))).toBe(3);
});
