import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { KubeClient } from '#lib/kube/client.ts';
import { type Lease, LeaderElection } from '#lib/kube/lease.ts';
import { leases } from '#lib/kube/refs.ts';
import { FixtureApi, refuse } from './fixture-api.ts';

const lease = { namespace: 'default', name: 'leader' };
let api: FixtureApi;
let client: KubeClient;
let now = 0;
let log: string[];
/** Candidates that sleep: each wakes when the test says so. */
let sleepers: (() => void)[];
let changes: (() => void)[] = [];

beforeEach(async () => {
  api = new FixtureApi();
  client = new KubeClient({ server: await api.start() });
  now = 0;
  log = [];
  sleepers = [];
  changes = [];
});
afterEach(async () => {
  client.close();
  await api.close();
});

const changed = (): void => {
  for (const check of [...changes]) check();
};

function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (!holds()) return;
      changes = changes.filter((each) => each !== check);
      resolve();
    };
    changes.push(check);
    check();
  });
}

/** Lets every sleeping candidate try once, `ms` later, and waits until all sleep again or are done. */
async function tick(ms: number, sleeping: number): Promise<void> {
  now += ms;
  const woken = sleepers.splice(0);
  for (const wake of woken) wake();
  await until(() => sleepers.length >= sleeping);
}

function candidate(identity: string, signal: AbortSignal): { election: LeaderElection; done: Promise<void> } {
  const election = new LeaderElection({
    client,
    lease,
    identity,
    now: () => now,
    random: () => 0,
    wait: (_, abort) =>
      new Promise((resolve) => {
        if (abort.aborted) return resolve();
        const leave = (): void => {
          sleepers = sleepers.filter((each) => each !== resolve);
          resolve();
        };
        abort.addEventListener('abort', leave, { once: true });
        sleepers.push(resolve);
        changed();
      }),
    onStartedLeading: () => {
      log.push(`${identity} leads`);
    },
    onStoppedLeading: () => {
      log.push(`${identity} stops`);
    },
    onNewLeader: (leader) => log.push(`${identity} sees ${leader}`),
    onError: () => undefined,
  });
  return { election, done: election.run(signal) };
}

test('one leads, the other waits; a clean exit hands over at once', async () => {
  const [stopA, stopB] = [new AbortController(), new AbortController()];
  const a = candidate('a', stopA.signal);
  await until(() => sleepers.length === 1);
  const b = candidate('b', stopB.signal);
  await until(() => sleepers.length === 2);
  expect(log).toEqual(['a sees a', 'a leads', 'b sees a']);
  await tick(2_000, 2);
  expect([a.election.isLeader, b.election.isLeader]).toEqual([true, false]);
  stopA.abort();
  await a.done;
  const released = await client.get<Lease>(leases, lease);
  expect(released.spec?.holderIdentity).toBe('');
  await tick(2_000, 1);
  await until(() => log.includes('b leads'));
  expect(log.slice(3)).toEqual(['a stops', 'b sees b', 'b leads']);
  expect((await client.get<Lease>(leases, lease)).spec?.leaseTransitions).toBe(1);
  stopB.abort();
  await b.done;
});

test('a leader that cannot renew steps down before another may take over', async () => {
  const [stopA, stopB] = [new AbortController(), new AbortController()];
  const a = candidate('a', stopA.signal);
  await until(() => sleepers.length === 1);
  const b = candidate('b', stopB.signal);
  await until(() => sleepers.length === 2);
  // The server refuses all writes: a can read its lease, yet not renew it.
  api.intercept = ({ method }, response) => {
    if (method !== 'PUT') return false;
    refuse(response, 500, 'InternalError');
    return true;
  };
  const stoppedAt: number[] = [];
  for (let round = 0; round < 7; round++) {
    await tick(2_000, 2);
    if (log.includes('a stops') && stoppedAt.length === 0) stoppedAt.push(now);
  }
  expect(stoppedAt[0]).toBeLessThanOrEqual(12_000);
  expect(log).not.toContain('b leads');
  // a is gone for good; its record stands still for the rest of the lease, then b takes it.
  stopA.abort();
  await a.done;
  api.intercept = undefined;
  expect(sleepers).toHaveLength(1);
  await tick(16_000, 1);
  await until(() => log.includes('b leads'));
  stopB.abort();
  await b.done;
});
