// Under 200 requests/s through the gateway, everything that a day's work does to a mesh: not one request fails.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { whyMissing } from '../harness/kubernetes-programs.ts';
import { type Load, startLoad } from './load.ts';
import { eventually, kubectlPath, Mesh } from './mesh.ts';

const skip = kubectlPath() === undefined ? whyMissing('kubectl') : undefined;
const when = skip === undefined ? describe : describe.skip;
if (skip !== undefined) console.warn(`skipped: ${skip}`);

const mesh = new Mesh('nothing-lost', 5);
const system = ['-n', 'istio-system'];

when('under load, nothing is lost', () => {
  let load: Load | undefined;
  beforeAll(() => mesh.up(), 300_000);
  afterAll(async () => {
    await load?.stop();
    await mesh.down();
  }, 120_000);

  /** Runs the work under load, with a little of it before and after; every answer must be the page. */
  async function underLoad(work: () => Promise<unknown>): Promise<void> {
    const running = startLoad(`${mesh.gateway}/productpage`, { perSecond: 200, limit: 30_000 });
    load = running;
    const more = async (count: number) => {
      const from = running.answered();
      await eventually('answers', async () => running.answered() >= from + count);
    };
    await more(100);
    await work();
    await more(200);
    const { failures, sent } = await running.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(300);
  }

  test(
    'a rolling restart of reviews',
    () =>
      underLoad(async () => {
        for (const version of ['v1', 'v2', 'v3'])
          await mesh.kubectl(['rollout', 'restart', `deploy/reviews-${version}`]);
        for (const version of ['v1', 'v2', 'v3'])
          await mesh.kubectl(['rollout', 'status', `deploy/reviews-${version}`, '--timeout=100s']);
      }),
    180_000,
  );

  test(
    'scaling up and down',
    () =>
      underLoad(async () => {
        await mesh.kubectl(['scale', 'deploy/reviews-v1', '--replicas=3']);
        await mesh.kubectl(['rollout', 'status', 'deploy/reviews-v1', '--timeout=100s']);
        await mesh.kubectl(['scale', 'deploy/reviews-v1', '--replicas=1']);
        await eventually(
          'one pod is left',
          async () =>
            (await mesh.kubectl(['get', 'pods', '-l', 'app=reviews,version=v1', '-o', 'name'])).trim().split('\n')
              .length === 1,
        );
      }),
    180_000,
  );

  test(
    'a change of every route',
    () =>
      underLoad(async () => {
        for (const [v1, v3] of [
          [0, 100],
          [50, 50],
          [100, 0],
        ]) {
          const route = [
            { destination: { host: 'reviews', subset: 'v1' }, weight: v1 },
            { destination: { host: 'reviews', subset: 'v3' }, weight: v3 },
          ];
          await mesh.kubectl([
            'patch',
            'virtualservice',
            'reviews',
            '--type=merge',
            '-p',
            JSON.stringify({ spec: { http: [{ name: 'rollout', route }] } }),
          ]);
          await mesh.kubectl([
            'patch',
            'destinationrule',
            'reviews',
            '--type=merge',
            '-p',
            JSON.stringify({
              spec: { trafficPolicy: { loadBalancer: { simple: v1 === 0 ? 'RANDOM' : 'ROUND_ROBIN' } } },
            }),
          ]);
        }
      }),
    120_000,
  );

  test(
    'a rolling restart of the control plane',
    () =>
      underLoad(async () => {
        await mesh.kubectl([...system, 'rollout', 'restart', 'deploy/istiod']);
        await mesh.kubectl([...system, 'rollout', 'status', 'deploy/istiod', '--timeout=100s']);
      }),
    180_000,
  );
});
