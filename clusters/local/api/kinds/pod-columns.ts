// `kubectl get pods`: READY, STATUS, RESTARTS as pkg/printers/internalversion's printPod derives them.
import { type ApiObject, at, isFields, num, rec, recs, str } from '../object.ts';
import { ageColumn, ageOf, column, nameColumn, wide } from './columns.ts';
import type { Column } from './definition.ts';

interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

export function summarisePod(pod: ApiObject): PodSummary {
  const spec = rec(pod['spec']);
  const status = rec(pod['status']);
  const initSpecs = new Map(recs(spec['initContainers']).map((item) => [str(item['name']), item]));
  const isSidecar = (name: string): boolean => initSpecs.get(name)?.['restartPolicy'] === 'Always';
  let total = recs(spec['containers']).length;
  for (const [name] of initSpecs) if (isSidecar(name)) total += 1;
  let ready = 0;
  let restarts = 0;
  let lastRestart: string | undefined;
  let reason = str(status['reason']) || str(status['phase']);
  const noteRestart = (item: Record<string, unknown>): void => {
    restarts += num(item['restartCount']);
    const finished = str(at(item, 'lastState', 'terminated', 'finishedAt'));
    if (finished !== '' && (lastRestart === undefined || finished > lastRestart)) lastRestart = finished;
  };
  let isInitializing = false;
  for (const [index, item] of recs(status['initContainerStatuses']).entries()) {
    const name = str(item['name']);
    const terminated = rec(at(item, 'state', 'terminated'));
    const waiting = rec(at(item, 'state', 'waiting'));
    if (isSidecar(name)) noteRestart(item);
    if (isFields(at(item, 'state', 'terminated')) && num(terminated['exitCode']) === 0) continue;
    if (isSidecar(name) && item['started'] === true) {
      if (item['ready'] === true) ready += 1;
      continue;
    }
    if (!isSidecar(name)) noteRestart(item);
    if (isFields(at(item, 'state', 'terminated'))) {
      const why = str(terminated['reason']);
      reason = `Init:${why || (num(terminated['signal']) !== 0 ? `Signal:${num(terminated['signal'])}` : `ExitCode:${num(terminated['exitCode'])}`)}`;
    } else if (str(waiting['reason']) !== '' && str(waiting['reason']) !== 'PodInitializing')
      reason = `Init:${str(waiting['reason'])}`;
    else reason = `Init:${index}/${initSpecs.size}`;
    isInitializing = true;
    break;
  }
  const isInitialized = recs(status['conditions']).some((c) => c['type'] === 'Initialized' && c['status'] === 'True');
  if (!isInitializing || isInitialized) {
    let hasRunning = false;
    if (!isInitializing) {
      restarts = recs(status['initContainerStatuses'])
        .filter((item) => isSidecar(str(item['name'])))
        .reduce((sum, item) => sum + num(item['restartCount']), 0);
    }
    for (const item of recs(status['containerStatuses']).reverse()) {
      noteRestart(item);
      const waiting = rec(at(item, 'state', 'waiting'));
      const terminated = at(item, 'state', 'terminated');
      if (str(waiting['reason']) !== '') reason = str(waiting['reason']);
      else if (isFields(terminated)) {
        const signal = num(terminated['signal']);
        reason =
          str(terminated['reason']) || (signal !== 0 ? `Signal:${signal}` : `ExitCode:${num(terminated['exitCode'])}`);
      } else if (item['ready'] === true && isFields(at(item, 'state', 'running'))) {
        hasRunning = true;
        ready += 1;
      }
    }
    if (reason === 'Completed' && hasRunning)
      reason = recs(status['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True')
        ? 'Running'
        : 'NotReady';
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status['reason'] === 'NodeLost') reason = 'Unknown';
    else if (!['Succeeded', 'Failed'].includes(str(status['phase']))) reason = 'Terminating';
  }
  return {
    ready: `${ready}/${total}`,
    status: reason,
    restarts:
      restarts !== 0 && lastRestart !== undefined ? `${restarts} (${ageOf(lastRestart)} ago)` : String(restarts),
  };
}

export const podColumns: readonly Column[] = [
  nameColumn,
  column('Ready', (pod) => summarisePod(pod).ready),
  column('Status', (pod) => summarisePod(pod).status),
  column('Restarts', (pod) => summarisePod(pod).restarts),
  ageColumn,
  wide('IP', (pod) => str(at(pod, 'status', 'podIP')) || '<none>'),
  wide('Node', (pod) => str(at(pod, 'spec', 'nodeName')) || '<none>'),
  wide('Nominated Node', (pod) => str(at(pod, 'status', 'nominatedNodeName')) || '<none>'),
  wide('Readiness Gates', (pod) => {
    const gates = recs(at(pod, 'spec', 'readinessGates'));
    if (gates.length === 0) return '<none>';
    const conditions = recs(at(pod, 'status', 'conditions'));
    const met = gates.filter((gate) =>
      conditions.some((c) => c['type'] === gate['conditionType'] && c['status'] === 'True'),
    );
    return `${met.length}/${gates.length}`;
  }),
];
