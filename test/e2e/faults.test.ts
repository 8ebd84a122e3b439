// Any one process is killed with kill -9: it heals without a human, and `rig status` says what happened.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { processesOf } from '../../cli/down.ts';
import { instanceOf } from '../../cli/paths.ts';
import type { LocalClusterState } from '../../clusters/local/config.ts';
import { whyMissing } from '../harness/kubernetes-programs.ts';
import { eventually, kubectlPath, Mesh } from './mesh.ts';

const skip = kubectlPath() === undefined ? whyMissing('kubectl') : undefined;
const when = skip === undefined ? describe : describe.skip;
if (skip !== undefined) console.warn(`skipped: ${skip}`);

const mesh = new Mesh('faults', 7);
const healMs = 90_000;

const state = (): LocalClusterState => JSON.parse(readFileSync(`${mesh.home}/state.json`, 'utf8')) as LocalClusterState;

/** The page is there ten times in a row. */
const pageFlows = () =>
  eventually(
    'the page',
    async () => {
      for (let time = 0; time < 10; time++) if ((await mesh.get('/productpage')).status !== 200) return false;
      return true;
    },
    healMs,
  );

const allWell = () => eventually('a status without a fault', async () => (await mesh.rig('status')).code === 0, healMs);

/** Ends the processes whose command line holds a text; gives their number. */
async function kill(text: string): Promise<number> {
  const pids = (await processesOf(mesh.home, instanceOf(mesh.home))).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(text);
    } catch {
      return false;
    }
  });
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  return pids.length;
}

when('after a kill -9', () => {
  beforeAll(() => mesh.up(), 300_000);
  afterAll(() => mesh.down(), 120_000);

  test.each(['api', 'controllers', 'rig-node-0'])(
    'of %s, its supervisor starts it again and traffic flows on meanwhile',
    async (name) => {
      const before = state().programs.find((it) => it.name === name);
      process.kill(before!.pid!, 'SIGKILL');
      expect((await mesh.get('/productpage')).status).toBe(200);
      await eventually(
        'a new process',
        async () => {
          const now = state().programs.find((it) => it.name === name);
          return now?.pid !== undefined && now.pid !== before!.pid;
        },
        healMs,
      );
      await allWell();
      expect((await mesh.rig('status')).stdout).toMatch(
        new RegExp(`${name} +running +restarted 1 times, last: signal SIGKILL`),
      );
      // It works again: a pod comes, and one that is deleted goes.
      await mesh.kubectl(['scale', 'deploy/details-v1', '--replicas=2']);
      await mesh.kubectl(['rollout', 'status', 'deploy/details-v1', '--timeout=90s']);
      await mesh.kubectl(['scale', 'deploy/details-v1', '--replicas=1']);
      await eventually(
        'one pod is left',
        async () =>
          (await mesh.kubectl(['get', 'pods', '-l', 'app=details', '-o', 'name'])).trim().split('\n').length === 1,
        healMs,
      );
    },
    300_000,
  );

  test.each([
    ['the control plane', 'control-plane.mjs'],
    ['every app of reviews', 'bookinfo-reviews.mjs'],
    ['the gateway', 'proxy router'],
    ['every sidecar', 'proxy sidecar'],
  ])(
    'of %s, it comes back and so does the page',
    async (_name, text) => {
      expect(await kill(text)).toBeGreaterThan(0);
      await allWell();
      await pageFlows();
    },
    240_000,
  );
});
