// `rig status`: the health of a local environment, with reasons: its programs, nodes, deployments, pods, host ports, last events.
import { existsSync, readFileSync } from 'node:fs';
import type { LocalClusterState } from '../clusters/local/config.ts';
import { KubeClient } from '../services/lib/kube/client.ts';
import type { KubeObject } from '../services/lib/kube/object.ts';
import { deployments, nodes, pods } from '../services/lib/kube/refs.ts';
import { Failure } from './failure.ts';
import { homeOf, localPaths } from './paths.ts';
import { paint, table } from './style.ts';

interface Finding {
  readonly ok: boolean;
  readonly what: string;
  readonly state: string;
  readonly reason: string;
}

interface PodLike extends KubeObject {
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; message?: string }[];
    containerStatuses?: {
      name: string;
      state?: { waiting?: { reason?: string; message?: string }; terminated?: { reason?: string; exitCode?: number } };
      restartCount?: number;
    }[];
  };
}

/** Gathers what is known; an API server that does not answer is a finding, not a failure. */
async function findings(environment: string): Promise<{ all: Finding[]; events: LocalClusterState['events'] }> {
  const paths = localPaths(homeOf(environment));
  if (!existsSync(paths.state)) throw new Failure(`${environment} is not up: run './rig up ${environment}' first`);
  const state = JSON.parse(readFileSync(paths.state, 'utf8')) as LocalClusterState;
  const alive = existsSync(`/proc/${state.supervisor}`);
  const all: Finding[] = [
    {
      ok: alive,
      what: 'supervisor',
      state: alive ? 'running' : 'gone',
      reason: alive ? '' : "it was ended: './rig down' and './rig up' start afresh",
    },
  ];
  for (const program of state.programs) {
    const running = program.pid !== undefined && existsSync(`/proc/${program.pid}`);
    const restarts =
      program.restarts > 0 ? `restarted ${program.restarts} times, last: ${program.lastExit ?? 'unknown'}` : '';
    all.push({ ok: running, what: program.name, state: running ? 'running' : 'waiting to start', reason: restarts });
  }
  for (const port of state.hostPorts) {
    all.push({
      ok: port.problem === undefined,
      what: `port ${port.hostPort}`,
      state: port.problem === undefined ? 'open' : 'closed',
      reason: port.problem ?? `${port.namespace}/${port.service}:${port.port}`,
    });
  }
  const client = KubeClient.fromKubeconfig(paths.kubeconfig, { timeoutMs: 5_000 });
  try {
    all.push(...(await clusterFindings(client)));
  } catch (error) {
    all.push({ ok: false, what: 'API server', state: 'no answer', reason: (error as Error).message });
  } finally {
    client.close();
  }
  return { all, events: state.events };
}

async function clusterFindings(client: KubeClient): Promise<Finding[]> {
  const all: Finding[] = [];
  for (const node of (await client.list<PodLike>(nodes)).items) {
    const ready = node.status?.conditions?.find((it) => it.type === 'Ready');
    all.push({
      ok: ready?.status === 'True',
      what: `node ${node.metadata.name}`,
      state: ready?.status === 'True' ? 'Ready' : 'NotReady',
      reason: ready?.status === 'True' ? '' : (ready?.message ?? 'it has not reported'),
    });
  }
  for (const deployment of (await client.list<KubeObject>(deployments)).items) {
    const want = (deployment.spec as { replicas?: number } | undefined)?.replicas ?? 1;
    const have = (deployment.status as { availableReplicas?: number } | undefined)?.availableReplicas ?? 0;
    all.push({
      ok: have >= want,
      what: `${deployment.metadata.namespace}/${deployment.metadata.name}`,
      state: `${have}/${want}`,
      reason: '',
    });
  }
  for (const pod of (await client.list<PodLike>(pods)).items) {
    const ready = pod.status?.conditions?.find((it) => it.type === 'Ready')?.status === 'True';
    if (ready || pod.status?.phase === 'Succeeded') continue;
    const container = pod.status?.containerStatuses?.find((it) => it.state?.waiting ?? it.state?.terminated);
    const reason =
      container?.state?.waiting?.message ??
      container?.state?.waiting?.reason ??
      (container?.state?.terminated
        ? `${container.name} ended with ${container.state.terminated.exitCode}`
        : 'not ready yet');
    all.push({
      ok: false,
      what: `pod ${pod.metadata.namespace}/${pod.metadata.name}`,
      state: pod.status?.phase ?? 'Pending',
      reason,
    });
  }
  return all;
}

function render({ all, events }: Awaited<ReturnType<typeof findings>>): string {
  const rows = all.map((it) => [it.ok ? 'ok' : 'NOT OK', it.what, it.state, it.reason]);
  const lines = table([['', 'WHAT', 'STATE', 'WHY'], ...rows]).split('\n');
  const painted = lines.map((line) => (line.startsWith('NOT OK') ? paint('red', line) : line));
  const happened = events
    .filter((it) => / ended /.test(it.message))
    .slice(-5)
    .map((it) => `  ${it.at}  ${it.message}`);
  return [...painted, ...(happened.length > 0 ? ['', 'what happened last:', ...happened] : []), ''].join('\n');
}

/** The verb; exit code 1 where something is not well. */
export async function status(environment: string): Promise<number> {
  const found = await findings(environment);
  process.stdout.write(render(found));
  return found.all.every((it) => it.ok) ? 0 : 1;
}

/** The live view behind `rig up`: redrawn until Ctrl-C, which leaves everything running. */
export async function watchStatus(environment: string): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  while (!stop.signal.aborted) {
    const text = render(await findings(environment));
    process.stdout.write(`\x1b[H\x1b[2J${text}\nCtrl-C leaves it running; ./rig down ends it\n`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 2_000);
      stop.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  process.stdout.write('\nit runs on; ./rig down ends it\n');
}
