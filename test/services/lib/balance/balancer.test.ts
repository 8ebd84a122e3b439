import { expect, test } from '@jest/globals';
import { Balancer } from '#lib/balance/balancer.ts';
import { hashOf } from '#lib/balance/hash.ts';
import type { BalancedHost, BalancePolicy, HostGroup } from '#lib/balance/host.ts';

function host(key: string, weight = 1, available = true): BalancedHost & { active: number; available: boolean } {
  return { key, weight, active: 0, available };
}

/** The same numbers every time. */
function sequence(): () => number {
  let state = 12_345;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

function counts(
  groups: readonly HostGroup<BalancedHost>[],
  policy: BalancePolicy,
  more = {},
  picks = 6000,
  hash?: (index: number) => number,
): Record<string, number> {
  const balancer = new Balancer(groups, { policy, random: sequence(), ...more });
  const count: Record<string, number> = {};
  for (let index = 0; index < picks; index++) {
    const key = balancer.pick(hash?.(index))?.key ?? 'nobody';
    count[key] = (count[key] ?? 0) + 1;
  }
  return count;
}

const one = (...hosts: BalancedHost[]): HostGroup<BalancedHost>[] => [{ priority: 0, localityWeight: 1, hosts }];

test('round robin is exact, with weights too', () => {
  expect(counts(one(host('a'), host('b'), host('c')), { kind: 'round-robin' })).toEqual({ a: 2000, b: 2000, c: 2000 });
  expect(counts(one(host('a', 3), host('b', 2), host('c', 1)), { kind: 'round-robin' })).toEqual({
    a: 3000,
    b: 2000,
    c: 1000,
  });
});

test('random follows weights', () => {
  const { a = 0, b = 0 } = counts(one(host('a', 3), host('b', 1)), { kind: 'random' });
  expect(a / (a + b)).toBeCloseTo(0.75, 1);
});

test('least request avoids the busy', () => {
  const busy = host('busy');
  busy.active = 10;
  const { busy: few = 0, idle = 0 } = counts(one(busy, host('idle')), { kind: 'least-request', choices: 2 });
  expect(idle).toBeGreaterThan(few * 2);
});

test.each<BalancePolicy>([
  { kind: 'ring-hash', minimumRingSize: 1024 },
  { kind: 'maglev', tableSize: 65_537 },
])('$kind keeps a key on its host, and moves few when one goes', (policy) => {
  const hosts = ['a', 'b', 'c', 'd'].map((key) => host(key));
  const before = new Balancer(one(...hosts), { policy });
  const after = new Balancer(one(...hosts.slice(0, 3)), { policy });
  let moved = 0;
  for (let index = 0; index < 2000; index++) {
    const hash = hashOf(`key-${index}`);
    const first = before.pick(hash)?.key;
    expect(before.pick(hash)?.key).toBe(first);
    if (first !== 'd' && after.pick(hash)?.key !== first) moved++;
  }
  expect(moved).toBeLessThan(300);
  for (const count of Object.values(counts(one(...hosts), policy, {}, 8000, (index) => hashOf(`key-${index}`))))
    expect(count).toBeGreaterThan(1000);
});

test('the unavailable get nothing, until panic', () => {
  const hosts = [host('a'), host('b'), host('c', 1, false)];
  expect(counts(one(...hosts), { kind: 'round-robin' })).toEqual({ a: 3000, b: 3000 });
  const most = [host('a'), host('b', 1, false), host('c', 1, false)];
  expect(Object.keys(counts(one(...most), { kind: 'round-robin' })).sort()).toEqual(['a', 'b', 'c']);
  expect(counts(one(...most), { kind: 'round-robin' }, { panicThreshold: 0 })).toEqual({ a: 6000 });
  expect(counts(one(host('a', 1, false)), { kind: 'round-robin' }, { panicThreshold: 0 })).toEqual({ nobody: 6000 });
});

test('the next priority takes over what the first cannot carry', () => {
  const groups = (healthy: number): HostGroup<BalancedHost>[] => [
    {
      priority: 0,
      localityWeight: 1,
      hosts: Array.from({ length: 10 }, (_, index) => host(`near-${index}`, 1, index < healthy)),
    },
    { priority: 1, localityWeight: 1, hosts: [host('far')] },
  ];
  expect(counts(groups(10), { kind: 'round-robin' })['far']).toBeUndefined();
  expect(counts(groups(8), { kind: 'round-robin' })['far']).toBeUndefined();
  const far = counts(groups(5), { kind: 'round-robin' })['far'] ?? 0;
  expect(far / 6000).toBeCloseTo(0.3, 1);
  expect(counts(groups(0), { kind: 'round-robin' }, { panicThreshold: 0 })).toEqual({ far: 6000 });
});

test('localities share by weight', () => {
  const groups = [
    { priority: 0, localityWeight: 80, hosts: [host('near')] },
    { priority: 0, localityWeight: 20, hosts: [host('far-1'), host('far-2')] },
  ];
  const { near = 0 } = counts(groups, { kind: 'round-robin' }, { localityWeighted: true });
  expect(near / 6000).toBeCloseTo(0.8, 1);
});
