// What the node knows of a pod -> the pod's status, as the kubelet writes it.
// @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
import type { Container, ContainerState, ContainerStatus, Pod, PodCondition, PodStatus } from '../pod-types.ts';
import { toQosClass } from './quality.ts';

/** One container as the worker sees it. */
export interface ContainerView {
  readonly container: Container;
  readonly kind: 'init' | 'sidecar' | 'main';
  readonly state: ContainerState;
  readonly lastState: ContainerState;
  readonly restartCount: number;
  readonly ready: boolean;
  /** Runs and has passed its start-up probe. */
  readonly started: boolean;
  readonly id: string | undefined;
  readonly imageID: string;
}

export interface PodView {
  readonly pod: Pod;
  readonly hostIP: string;
  readonly podIP: string | undefined;
  readonly startTime: string;
  readonly containers: readonly ContainerView[];
  /** Set when the node has given up on the pod. */
  readonly failure?: { readonly reason: string; readonly message: string } | undefined;
  readonly now: string;
}

const isSucceeded = (state: ContainerState): boolean => state.terminated?.exitCode === 0;

/** All set-up containers are through: init containers have succeeded, sidecars have started. */
export function isInitialized(views: readonly ContainerView[]): boolean {
  return views.every(
    (view) =>
      view.kind === 'main' ||
      (view.kind === 'init' ? isSucceeded(view.state) : view.started || view.state.terminated !== undefined),
  );
}

/** The phase by container states and restart policy. */
export function toPhase(pod: Pod, views: readonly ContainerView[]): string {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const mains = views.filter((view) => view.kind === 'main');
  for (const view of views) {
    if (view.kind !== 'init') continue;
    if (isSucceeded(view.state)) continue;
    if (view.state.terminated !== undefined && policy === 'Never') return 'Failed';
    return 'Pending';
  }
  let running = 0;
  let stopped = 0;
  let succeeded = 0;
  for (const { state, lastState } of mains) {
    if (state.running !== undefined) running += 1;
    else if (state.terminated !== undefined) {
      stopped += 1;
      if (isSucceeded(state)) succeeded += 1;
    } else if (lastState.terminated !== undefined) stopped += 1;
    else return 'Pending';
  }
  if (running > 0) return 'Running';
  if (policy === 'Always') return 'Running';
  if (stopped === succeeded) return sidecarsRun(views) ? 'Running' : 'Succeeded';
  if (policy === 'Never') return sidecarsRun(views) ? 'Running' : 'Failed';
  return 'Running';
}

const sidecarsRun = (views: readonly ContainerView[]): boolean =>
  views.some((view) => view.kind === 'sidecar' && view.state.running !== undefined);

export function toPodStatus(view: PodView): PodStatus {
  const { pod, containers } = view;
  const phase = view.failure !== undefined ? 'Failed' : toPhase(pod, containers);
  const status: PodStatus = {
    phase,
    conditions: toConditions(view, phase),
    hostIP: view.hostIP,
    hostIPs: [{ ip: view.hostIP }],
    startTime: view.startTime,
    qosClass: toQosClass(pod),
    containerStatuses: containers.filter(({ kind }) => kind === 'main').map(toContainerStatus),
  };
  if (view.failure !== undefined) Object.assign(status, view.failure);
  if (view.podIP !== undefined) Object.assign(status, { podIP: view.podIP, podIPs: [{ ip: view.podIP }] });
  const inits = containers.filter(({ kind }) => kind !== 'main');
  if (inits.length > 0) status.initContainerStatuses = inits.map(toContainerStatus);
  return status;
}

function toContainerStatus(view: ContainerView): ContainerStatus {
  return {
    name: view.container.name,
    state: view.state,
    lastState: view.lastState,
    ready: view.kind === 'init' ? isSucceeded(view.state) : view.ready,
    restartCount: view.restartCount,
    image: view.container.image ?? '',
    imageID: view.imageID,
    ...(view.id === undefined ? {} : { containerID: view.id }),
    started: view.started,
  };
}

function toConditions(view: PodView, phase: string): PodCondition[] {
  const { pod, containers, now } = view;
  const before = new Map((pod.status?.conditions ?? []).map((condition) => [condition.type, condition]));
  const done = phase === 'Succeeded';
  const ended = done || phase === 'Failed';
  const make = (type: string, ok: boolean, reason?: string, message?: string): PodCondition => {
    const old = before.get(type);
    const status = ok ? 'True' : 'False';
    return {
      type,
      status,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      lastProbeTime: null,
      lastTransitionTime: old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now,
    };
  };
  const incomplete = containers.filter(
    ({ kind, state, started }) =>
      kind !== 'main' && !(kind === 'init' ? isSucceeded(state) : started || state.terminated !== undefined),
  );
  const unready = containers.filter(({ kind, ready }) => kind !== 'init' && !ready);
  const names = (views: readonly ContainerView[]): string => views.map(({ container }) => container.name).join(' ');
  const unreadyMessage = `containers with unready status: [${names(unready)}]`;
  const gates = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => before.get(conditionType)?.status !== 'True',
  );
  const containersReady = !ended && unready.length === 0;

  const initialized =
    incomplete.length === 0 || done
      ? make('Initialized', true, done ? 'PodCompleted' : undefined)
      : make(
          'Initialized',
          false,
          'ContainersNotInitialized',
          `containers with incomplete status: [${names(incomplete)}]`,
        );
  const ready = ended
    ? make('Ready', false, done ? 'PodCompleted' : 'PodFailed')
    : unready.length > 0
      ? make('Ready', false, 'ContainersNotReady', unreadyMessage)
      : gates.length > 0
        ? make(
            'Ready',
            false,
            'ReadinessGatesNotReady',
            `corresponding condition of pod readiness gate "${gates[0]?.conditionType}" does not exist or is not True.`,
          )
        : make('Ready', true);
  const conditions = [
    make('PodReadyToStartContainers', view.podIP !== undefined && !ended),
    initialized,
    ready,
    containersReady
      ? make('ContainersReady', true)
      : ended
        ? make('ContainersReady', false, done ? 'PodCompleted' : 'PodFailed')
        : make('ContainersReady', false, 'ContainersNotReady', unreadyMessage),
    make('PodScheduled', true),
  ];
  const ours = new Set(conditions.map(({ type }) => type));
  return [...conditions, ...[...before.values()].filter(({ type }) => !ours.has(type))];
}
