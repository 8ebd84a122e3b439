// The local mesh measured as a user meets it: time to Ready, time from `kubectl apply` to changed traffic, resident memory.
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { processesOf } from '../../cli/down.ts';
import { instanceOf } from '../../cli/paths.ts';
import { fetchOnce } from '../e2e/load.ts';
import { Mesh } from '../e2e/mesh.ts';

const changes = 30;

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

/** Proportional set size in bytes: shared pages count once over all processes. */
function memoryOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const residentOf = (pid: number): number => {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
};

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
};

async function convergence(mesh: Mesh): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const version = async () =>
    /data-service="reviews" data-version="(v\d)"/.exec(
      (await fetchOnce(`${mesh.gateway}/productpage`, agent)).body,
    )?.[1];
  const times: number[] = [];
  for (let change = 0; change < changes; change++) {
    const to = change % 2 === 0 ? 'v3' : 'v1';
    const route = (subset: string) => ({ destination: { host: 'reviews', subset }, weight: subset === to ? 100 : 0 });
    const object = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'reviews', namespace: 'default' },
      spec: { hosts: ['reviews'], http: [{ name: 'rollout', route: [route('v1'), route('v3')] }] },
    };
    const file = `${mesh.home}/bench.json`;
    writeFileSync(file, JSON.stringify(object));
    await mesh.kubectl(['apply', '--server-side', '--force-conflicts', '-f', file]);
    const applied = performance.now();
    while ((await version()) !== to)
      if (performance.now() - applied > 30_000) throw new Error('the split did not change within 30 s');
    times.push(performance.now() - applied);
  }
  agent.destroy();
  return times;
}

/** Prints the figures of one mesh. */
export async function benchMesh(): Promise<void> {
  const mesh = new Mesh('bench', 40);
  await mesh.down();
  const startedAt = performance.now();
  await mesh.up();
  const readyMs = performance.now() - startedAt;
  try {
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const pids = await processesOf(mesh.home, instanceOf(mesh.home));
    const named = (word: string) => pids.filter((pid) => commandOf(pid).includes(`/${word}.mjs`)).map(residentOf);
    const times = await convergence(mesh);
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
    const proxies = named('proxy');
    console.log(`up to Ready                 ${(readyMs / 1000).toFixed(1)} s     (aim 10 s)`);
    console.log(
      `apply to changed traffic    P50 ${percentile(times, 0.5).toFixed(0)} ms, P99 ${percentile(times, 0.99).toFixed(0)} ms of ${times.length}     (aim P99 below 300 ms)`,
    );
    console.log(`one proxy at rest           ${mb(percentile(proxies, 0.5))} of ${proxies.length}     (aim 80 MB)`);
    console.log(`control plane at rest       ${mb(Math.max(0, ...named('control-plane')))}     (aim 150 MB)`);
    console.log(
      `everything (proportional)   ${mb(pids.map(memoryOf).reduce((a, b) => a + b, 0))} in ${pids.length} processes     (aim 1.2 GB)`,
    );
  } finally {
    await mesh.down();
  }
}

if (import.meta.main) {
  await benchMesh();
}
