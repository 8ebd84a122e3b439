// Why is a workload not ready? Which of its pods, for what reason, with the last lines of the log that tells.
import { type KubeClient, pathOf } from '#lib/kube/client.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { events, pods } from '#lib/kube/refs.ts';
import { nameOf } from './resource-map.ts';
import type { WaitResult } from './wait.ts';

interface Status {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: State;
  lastState?: State;
}
interface State {
  waiting?: { reason?: string; message?: string };
  running?: object;
  terminated?: { exitCode: number; reason?: string; message?: string };
}
interface Pod extends KubeObject {
  spec: { nodeName?: string };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    initContainerStatuses?: Status[];
    containerStatuses?: Status[];
  };
}

export interface Finding {
  /** `Pod default/reviews-v1-abc, container istio-proxy`. */
  readonly where: string;
  readonly what: string;
  readonly logs: readonly string[];
}
export interface Diagnosis {
  readonly object: string;
  readonly reason: string;
  readonly findings: readonly Finding[];
}

const LOG_LINES = 5;
const MAX_PODS = 3;

/** Looks at what `waitReady` left pending. Never throws: a diagnosis that fails says so. */
export function diagnose(client: KubeClient, result: WaitResult, signal?: AbortSignal): Promise<Diagnosis[]> {
  return Promise.all(
    result.pending.map(async ({ object, reason }) => {
      try {
        return { object: nameOf(object), reason, findings: await findingsOf(client, object, signal) };
      } catch (error) {
        const what = `could not look closer: ${(error as Error).message}`;
        return { object: nameOf(object), reason, findings: [{ where: nameOf(object), what, logs: [] }] };
      }
    }),
  );
}

/** Text for a terminal, indented under each object. */
export function formatDiagnosis(diagnoses: readonly Diagnosis[]): string {
  return diagnoses
    .flatMap(({ object, reason, findings }) => [
      `${object}: ${reason}`,
      ...findings.flatMap(({ where, what, logs }) => [`  ${where}: ${what}`, ...logs.map((line) => `    | ${line}`)]),
    ])
    .join('\n');
}

async function findingsOf(client: KubeClient, object: KubeObject, signal: AbortSignal | undefined): Promise<Finding[]> {
  const { namespace } = object.metadata;
  const { selector } = (object.spec ?? {}) as { selector?: { matchLabels?: Record<string, string> } };
  const labels = Object.entries(selector?.matchLabels ?? {});
  if (!['Deployment', 'StatefulSet', 'DaemonSet', 'Job'].includes(object.kind) || labels.length === 0) {
    return lastWarnings(client, object, signal);
  }
  const labelSelector = labels.map(([key, value]) => `${key}=${value}`).join(',');
  const { items } = await client.list<Pod>(pods, { namespace, labelSelector, signal });
  if (items.length === 0) {
    const warnings = await failedCreates(client, object, signal);
    return warnings.length > 0 ? warnings : [{ where: nameOf(object), what: 'it has no pods', logs: [] }];
  }
  const findings: Finding[] = [];
  for (const pod of items.filter((each) => !isPodReady(each)).slice(0, MAX_PODS)) {
    findings.push(...(await podFindings(client, pod, signal)));
  }
  return findings;
}

const isPodReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

async function podFindings(client: KubeClient, pod: Pod, signal: AbortSignal | undefined): Promise<Finding[]> {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (!pod.spec.nodeName) {
    return [{ where: nameOf(pod), what: scheduled?.message ?? 'no node was chosen for it yet', logs: [] }];
  }
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const findings: Finding[] = [];
  for (const status of statuses) {
    const what = containerProblem(status);
    if (what === undefined) continue;
    const logs = await lastLines(client, pod, status, signal);
    findings.push({ where: `${nameOf(pod)}, container ${status.name}`, what, logs });
  }
  if (findings.length > 0) return findings;
  const events = await lastWarnings(client, pod, signal);
  if (events.length > 0) return events;
  const { phase = 'Pending', message } = pod.status ?? {};
  return [
    {
      where: nameOf(pod),
      what: message ?? `it is ${phase}${statuses.length === 0 ? ' and no container has started' : ''}`,
      logs: [],
    },
  ];
}

function containerProblem({ ready, restartCount = 0, state, lastState }: Status): string | undefined {
  const ended = state?.terminated ?? lastState?.terminated;
  const exit =
    ended && ended.exitCode !== 0 ? `, exit code ${ended.exitCode}${ended.message ? `: ${ended.message}` : ''}` : '';
  if (state?.waiting && !['PodInitializing', 'ContainerCreating'].includes(state.waiting.reason ?? '')) {
    const { reason = 'waiting', message } = state.waiting;
    return `${reason}${message ? `: ${message}` : ''}${exit}`;
  }
  if (state?.terminated && state.terminated.exitCode !== 0) return `${state.terminated.reason ?? 'it ended'}${exit}`;
  if (state?.running && !ready)
    return `running but not ready${restartCount > 0 ? ` (restarted ${restartCount} times${exit})` : ''}`;
  return undefined;
}

async function lastLines(
  client: KubeClient,
  pod: Pod,
  status: Status,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const path = pathOf(pods, pod.metadata.namespace, pod.metadata.name, 'log');
  const read = async (previous: boolean): Promise<string[]> => {
    const query = { container: status.name, tailLines: LOG_LINES, limitBytes: 16_384, previous };
    const text = await client.requestText(path, { query, accept: '*/*', signal }).catch(() => '');
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-LOG_LINES);
  };
  const current = await read(false);
  return current.length > 0 || !status.restartCount ? current : read(true);
}

interface Event extends KubeObject {
  reason?: string;
  message?: string;
  type?: string;
  lastTimestamp?: string;
}

async function lastWarnings(
  client: KubeClient,
  object: KubeObject,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const fieldSelector = `involvedObject.kind=${object.kind},involvedObject.name=${object.metadata.name}`;
  const { items } = await client.list<Event>(events, {
    namespace: object.metadata.namespace ?? 'default',
    fieldSelector,
    signal,
  });
  const last = items
    .filter(({ type }) => type === 'Warning')
    .sort((a, b) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? ''))
    .at(-1);
  return last ? [{ where: nameOf(object), what: `${last.reason}: ${last.message}`, logs: [] }] : [];
}

/** A Deployment without pods: its ReplicaSet was refused (admission, quota), and the Deployment's condition tells. */
async function failedCreates(
  client: KubeClient,
  object: KubeObject,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const status = object.status as { conditions?: { type: string; status: string; message?: string }[] } | undefined;
  const failure = status?.conditions?.find(({ type, status: value }) => type === 'ReplicaFailure' && value === 'True');
  if (failure?.message) return [{ where: nameOf(object), what: failure.message, logs: [] }];
  return lastWarnings(client, object, signal);
}
