// One container of a pod over all its runs: start, probes, hooks, end, back-off. The worker decides; a slot does.
import { StartError } from '../container/container-process.ts';
import type { ContainerExit, RunningContainer, Sandbox } from '../container/runtime.ts';
import type { Container, ContainerState, Pod } from '../pod-types.ts';
import { VolumeError } from '../volumes/pod-volumes.ts';
import { readLogTail } from '../kubelet/log-reader.ts';
import { runAction } from './action.ts';
import { buildContainerSpec } from './container-spec.ts';
import { ConfigError } from './environment.ts';
import type { NodeServices } from './node-services.ts';
import { Prober } from './prober.ts';
import { CrashBackoff, shouldRestart, toGoDuration } from './restart.ts';
import type { ContainerView } from './status.ts';

/** Least time between SIGTERM and SIGKILL, in ms, unless the pod is killed by force. */
const leastGraceMs = 2000;

/** How long a container that cannot be configured waits before the next try, in ms. */
const configRetryMs = 2000;

const isoSeconds = (date: Date): string => date.toISOString().replace(/\.\d+/, '');

export class Slot {
  readonly container: Container;
  readonly kind: ContainerView['kind'];
  running: RunningContainer | undefined;
  private attempt = 0;
  private state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  private lastState: ContainerState = {};
  private lastExit: ContainerExit | undefined;
  private prober: Prober | undefined;
  private readonly backoff = new CrashBackoff();
  private id: string | undefined;
  private imageID = '';
  private starting = false;
  private hookRuns = false;
  private killing: Promise<void> | undefined;
  private killSignal: (() => void) | undefined;
  private killAt = Number.POSITIVE_INFINITY;
  private retryAt = 0;
  private readonly services: NodeServices;
  private readonly pod: () => Pod;
  private readonly wake: () => void;

  constructor(
    container: Container,
    kind: ContainerView['kind'],
    services: NodeServices,
    pod: () => Pod,
    wake: () => void,
  ) {
    this.container = container;
    this.kind = kind;
    this.services = services;
    this.pod = pod;
    this.wake = wake;
  }

  get restartPolicy(): string {
    const policy = this.pod().spec.restartPolicy ?? 'Always';
    return this.kind === 'sidecar' ? 'Always' : this.kind === 'init' && policy === 'Always' ? 'OnFailure' : policy;
  }

  /** Ended and will not run again. */
  get finished(): boolean {
    return (
      this.running === undefined &&
      this.lastExit !== undefined &&
      !shouldRestart(this.restartPolicy, this.lastExit.exitCode)
    );
  }

  get succeeded(): boolean {
    return this.finished && this.lastExit?.exitCode === 0;
  }

  get started(): boolean {
    return this.running !== undefined && !this.hookRuns && this.prober?.started === true;
  }

  view(): ContainerView {
    return {
      container: this.container,
      kind: this.kind,
      state: this.state,
      lastState: this.lastState,
      restartCount: this.attempt,
      ready: this.started && this.prober?.ready === true,
      started: this.started,
      id: this.id,
      imageID: this.imageID,
    };
  }

  setWaiting(reason: string, message?: string): void {
    if (this.running !== undefined || this.starting) return;
    if (this.state.terminated !== undefined) {
      if (reason === 'PodInitializing' || reason === 'ContainerCreating') return;
      this.lastState = this.state;
    }
    this.state = { waiting: message === undefined ? { reason } : { reason, message } };
  }

  /** Takes over a run of a former node process. */
  adopt(found: RunningContainer): void {
    this.attempt = found.attempt;
    this.imageID = this.findImageID();
    this.attach(found);
  }

  /** The sandbox is a new one: what ran before counts as history. */
  forgetRuns(): void {
    if (this.lastExit !== undefined) this.attempt += 1;
    if (this.state.terminated !== undefined) this.lastState = this.state;
    this.lastExit = undefined;
    this.state = { waiting: { reason: 'ContainerCreating' } };
  }

  private findImageID(): string {
    const found = this.services.images.find(this.container.image ?? '');
    return found.kind === 'found' ? `rigging.local/${found.repository}` : '';
  }

  private event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const list = this.kind === 'main' ? 'containers' : 'initContainers';
    const fieldPath = `spec.${list}{${this.container.name}}`;
    this.services.events.record({ kind: 'Pod', metadata: this.pod().metadata, fieldPath }, type, reason, message);
  }

  /** Starts the container unless it runs, waits for its back-off, or is through. */
  async ensureRunning(sandbox: Sandbox, volumes: ReadonlyMap<string, string>): Promise<void> {
    if (this.running !== undefined || this.starting || this.finished || this.killing !== undefined) return;
    const now = Date.now();
    const waitMs = Math.max(
      this.lastExit === undefined ? 0 : this.backoff.remainingMs(this.lastExit.finishedAt, now),
      this.retryAt - now,
    );
    if (waitMs > 0) {
      this.wakeAfter(waitMs);
      if (this.lastExit !== undefined && this.retryAt <= now) {
        const message = `back-off ${toGoDuration(this.backoff.currentMs)} restarting failed container=${this.container.name} pod=${this.pod().metadata.name}_${this.pod().metadata.namespace}(${this.pod().metadata.uid})`;
        if (this.state.terminated !== undefined)
          this.event(
            'Warning',
            'BackOff',
            `Back-off restarting failed container ${this.container.name} in pod ${this.pod().metadata.name}_${this.pod().metadata.namespace}(${this.pod().metadata.uid})`,
          );
        this.setWaiting('CrashLoopBackOff', message);
      }
      return;
    }
    this.starting = true;
    try {
      await this.start(sandbox, volumes);
    } finally {
      this.starting = false;
    }
  }

  private wakeAfter(ms: number): void {
    setTimeout(this.wake, Math.min(ms + 5, 2 ** 31 - 1)).unref();
  }

  private async start(sandbox: Sandbox, volumes: ReadonlyMap<string, string>): Promise<void> {
    const { services, container } = this;
    const pod = this.pod();
    const image = container.image ?? '';
    const found = services.images.find(image);
    if (found.kind !== 'found') {
      const again = this.state.waiting?.reason === 'ErrImagePull' || this.state.waiting?.reason === 'ImagePullBackOff';
      if (again) {
        this.wait('ImagePullBackOff', `Back-off pulling image "${image}": ${found.message}`);
        this.event('Normal', 'BackOff', `Back-off pulling image "${image}"`);
      } else {
        this.wait(found.reason, found.message);
        this.event('Warning', 'Failed', `Failed to pull image "${image}": ${found.message}`);
      }
      this.retryAt = Date.now() + (again ? 300_000 : 10_000);
      this.wakeAfter(this.retryAt - Date.now());
      return;
    }
    this.imageID = this.findImageID();
    const attempt = this.lastExit === undefined ? this.attempt : this.attempt + 1;
    try {
      const spec = await buildContainerSpec({
        pod,
        container,
        attempt,
        image: found.entry,
        addresses: { podIP: sandbox.ip, hostIP: services.nodeAddress },
        node: services.capacity,
        services: services.services(pod.metadata.namespace ?? 'default'),
        source: services.source,
        volumes,
      });
      this.event('Normal', 'Pulled', `Container image "${image}" already present on machine`);
      const run = await services.runtime.start(sandbox, spec);
      if (this.lastExit !== undefined)
        this.backoff.restarted(this.lastExit.finishedAt.getTime() - this.lastExit.startedAt.getTime());
      this.attempt = attempt;
      this.event('Normal', 'Created', `Created container: ${container.name}`);
      this.event('Normal', 'Started', `Started container ${container.name}`);
      this.attach(run);
      this.runPostStart(run);
    } catch (error) {
      this.startFailed(error as Error, attempt);
    }
  }

  private wait(reason: string, message: string): void {
    if (this.state.terminated !== undefined) this.lastState = this.state;
    this.state = { waiting: { reason, message } };
  }

  private startFailed(error: Error, attempt: number): void {
    if (error instanceof StartError) {
      this.event('Warning', 'Failed', `Error: ${error.message}`);
      const now = new Date();
      if (this.lastExit !== undefined)
        this.backoff.restarted(this.lastExit.finishedAt.getTime() - this.lastExit.startedAt.getTime());
      this.attempt = attempt;
      this.lastExit = { exitCode: 128, startedAt: now, finishedAt: now, startError: error.message, message: '' };
      const at = isoSeconds(now);
      this.lastState = {
        terminated: { exitCode: 128, reason: 'StartError', message: error.message, startedAt: at, finishedAt: at },
      };
      this.state = this.finished
        ? this.lastState
        : { waiting: { reason: 'RunContainerError', message: error.message } };
      this.wake();
      return;
    }
    const config = error instanceof ConfigError || error instanceof VolumeError;
    if (!config)
      this.services.log(`pod ${this.pod().metadata.namespace}/${this.pod().metadata.name}: ${error.message}`);
    this.wait(config ? 'CreateContainerConfigError' : 'CreateContainerError', error.message);
    this.event('Warning', 'Failed', `Error: ${error.message}`);
    this.retryAt = Date.now() + configRetryMs;
    this.wakeAfter(configRetryMs);
  }

  private attach(run: RunningContainer): void {
    this.running = run;
    this.id = run.id === '' ? undefined : `rig://${run.id}`;
    if (this.state.terminated !== undefined) this.lastState = this.state;
    this.state = { running: { startedAt: isoSeconds(run.startedAt) } };
    const context = {
      podIP: this.services.runtime.trySandbox(this.pod().metadata.uid ?? '')?.ip ?? '',
      container: this.container,
      exec: (command: readonly string[], timeoutMs: number) => this.services.runtime.exec(run, command, timeoutMs),
    };
    const prober = new Prober(this.container, context, {
      changed: this.wake,
      failed: (kind, message) => this.event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
      unhealthy: (kind, probe) => {
        this.event(
          'Normal',
          'Killing',
          `Container ${this.container.name} failed ${kind.toLowerCase()} probe, will be restarted`,
        );
        const seconds = probe.terminationGracePeriodSeconds ?? this.pod().spec.terminationGracePeriodSeconds ?? 30;
        void this.stop(seconds * 1000, '');
      },
    });
    this.prober = prober;
    if (this.kind !== 'init') prober.start();
    void run.exited.then((exit) => this.ended(run, exit));
    this.wake();
  }

  private runPostStart(run: RunningContainer): void {
    const action = this.container.lifecycle?.postStart;
    if (action === undefined) return;
    this.hookRuns = true;
    const context = this.hookContext(run);
    void runAction(action, context, 2 ** 31 - 1).then((result) => {
      this.hookRuns = false;
      if (this.running !== run) return;
      if (!result.ok) {
        this.event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${result.message}`);
        void this.stop((this.pod().spec.terminationGracePeriodSeconds ?? 30) * 1000, 'FailedPostStartHook');
      }
      this.wake();
    });
  }

  private hookContext(run: RunningContainer): Parameters<typeof runAction>[1] {
    return {
      podIP: this.services.runtime.trySandbox(this.pod().metadata.uid ?? '')?.ip ?? '',
      container: this.container,
      exec: (command, timeoutMs) => this.services.runtime.exec(run, command, timeoutMs),
    };
  }

  private ended(run: RunningContainer, exit: ContainerExit): void {
    if (this.running !== run) return;
    this.prober?.stop();
    this.prober = undefined;
    this.hookRuns = false;
    this.running = undefined;
    this.lastExit = exit;
    this.killSignal?.();
    this.state = {
      terminated: {
        exitCode: exit.exitCode,
        reason: exit.startError !== undefined ? 'StartError' : exit.exitCode === 0 ? 'Completed' : 'Error',
        ...this.terminationMessage(run, exit),
        startedAt: isoSeconds(exit.startedAt),
        finishedAt: isoSeconds(exit.finishedAt),
        ...(this.id === undefined ? {} : { containerID: this.id }),
      },
    };
    this.wake();
  }

  private terminationMessage(run: RunningContainer, exit: ContainerExit): { message?: string } {
    const fallback = this.container.terminationMessagePolicy === 'FallbackToLogsOnError' && exit.exitCode !== 0;
    const message = exit.startError ?? (exit.message || (fallback ? readLogTail(run.logFile, 80, 2048) : ''));
    return message === '' ? {} : { message };
  }

  /**
   * Stops a running container: preStop hook, SIGTERM, SIGKILL after the grace period. Called again, it only shortens.
   * @param why text of the event Killing; '' for none
   */
  stop(graceMs: number, why: string): Promise<void> {
    // Nothing runs: no news. Waking the pod for it would have it ask again, at once and for ever.
    if (this.running === undefined && this.killing === undefined) return Promise.resolve();
    const deadline = Date.now() + graceMs;
    if (deadline < this.killAt) {
      this.killAt = deadline;
      this.killSignal?.();
    }
    this.killing ??= this.stopOnce(graceMs, why).finally(() => {
      this.killing = undefined;
      this.killAt = Number.POSITIVE_INFINITY;
      this.wake();
    });
    return this.killing;
  }

  private async stopOnce(graceMs: number, why: string): Promise<void> {
    const run = this.running;
    if (run === undefined) return;
    if (why !== '') this.event('Normal', 'Killing', why);
    this.prober?.stop();
    const preStop = this.container.lifecycle?.preStop;
    if (preStop !== undefined && graceMs > 0) {
      const result = await Promise.race([runAction(preStop, this.hookContext(run), graceMs), this.untilKill(run)]);
      if (result !== undefined && !result.ok)
        this.event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${result.message}`);
    }
    if (this.running !== run) return;
    if (this.killAt > Date.now()) run.signal('SIGTERM');
    if (graceMs > 0)
      this.killAt = Math.max(this.killAt, Math.min(Date.now() + leastGraceMs, this.killAt + leastGraceMs));
    await this.untilKill(run);
    if (this.running === run) run.signal('SIGKILL');
    await run.exited;
    // `ended` runs in the same turn; the state is final when this returns.
  }

  /** Waits until the container has ended or its time is up, whichever is first; the time may be shortened meanwhile. */
  private async untilKill(run: RunningContainer): Promise<undefined> {
    while (this.running === run) {
      const left = this.killAt - Date.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, Math.min(left, 2 ** 31 - 1));
        const previous = this.killSignal;
        function done(): void {
          clearTimeout(timer);
          previous?.();
          resolve();
        }
        this.killSignal = done;
      });
      this.killSignal = undefined;
    }
    return undefined;
  }

  dispose(): void {
    this.prober?.stop();
  }
}
