// One pod on this node, from its first sync to its last: sandbox, volumes, containers in their order, status, removal.
// Work is serial: whatever happens calls wake(), and one pass brings the pod closer to what its object says.
import type { Sandbox } from '../container/runtime.ts';
import type { Pod, PodStatus } from '../pod-types.ts';
import { toHostname, toHosts, toResolvConf } from '../sandbox/pod-files.ts';
import { refreshVolumes, setUpVolumes } from '../volumes/pod-volumes.ts';
import type { VolumeInput } from '../volumes/volume-files.ts';
import type { NodeServices } from './node-services.ts';
import { Slot } from './slot.ts';
import { toPodStatus } from './status.ts';

const retryMs = 1_000;
/** How often volumes made of ConfigMaps, Secrets and tokens are compared with the API. */
const refreshMs = 5_000;

const isoSeconds = (): string => new Date().toISOString().replace(/\.\d+/, '');

export class PodWorker {
  readonly uid: string;
  readonly slots: readonly Slot[];
  #pod: Pod;
  readonly #services: NodeServices;
  readonly #onGone: () => void;
  #removed = false;
  #running = false;
  #again = false;
  #initialized = false;
  #adopted = false;
  #sandbox: Sandbox | undefined;
  #volumes: ReadonlyMap<string, string> | undefined;
  #startTime: string;
  #failure: { reason: string; message: string } | undefined;
  #written = '';
  #ending: Promise<void> | undefined;
  #gone = false;
  #refreshTimer: NodeJS.Timeout | undefined;

  constructor(pod: Pod, services: NodeServices, onGone: () => void) {
    this.uid = pod.metadata.uid ?? '';
    this.#pod = pod;
    this.#services = services;
    this.#onGone = onGone;
    this.#startTime = pod.status?.startTime ?? isoSeconds();
    const wake = () => this.wake();
    const current = () => this.#pod;
    this.slots = [
      ...(pod.spec.initContainers ?? []).map(
        (it) => new Slot(it, it.restartPolicy === 'Always' ? 'sidecar' : 'init', services, current, wake),
      ),
      ...pod.spec.containers.map((it) => new Slot(it, 'main', services, current, wake)),
    ];
  }

  get pod(): Pod {
    return this.#pod;
  }

  get sandbox(): Sandbox | undefined {
    return this.#sandbox;
  }

  update(pod: Pod): void {
    this.#pod = pod;
    this.wake();
  }

  /** The object is gone from the API: everything ends at once. */
  remove(): void {
    this.#removed = true;
    this.wake();
  }

  wake(): void {
    if (this.#gone) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    void this.#loop();
  }

  /** Ends timers without touching processes: they run on and are adopted by the next node process. */
  detach(): void {
    this.#gone = true;
    clearInterval(this.#refreshTimer);
    for (const slot of this.slots) slot.dispose();
  }

  async #loop(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#pass();
      } catch (error) {
        this.#services.log(`pod ${this.#name()}: ${(error as Error).message}`);
        this.#later();
      }
    } while (this.#again && !this.#gone);
    this.#running = false;
  }

  #name(): string {
    return `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`;
  }

  #later(): void {
    setTimeout(() => this.wake(), retryMs).unref();
  }

  async #pass(): Promise<void> {
    if (this.#removed || this.#pod.metadata.deletionTimestamp !== undefined) {
      this.#ending ??= this.#end();
      if (!this.#removed) await this.#writeStatus();
      // A pod that is forced away while it ends gracefully has no grace left.
      if (this.#removed) for (const slot of this.slots) void slot.stop(0, '');
      return;
    }
    const phase = this.#pod.status?.phase;
    if ((phase === 'Succeeded' || phase === 'Failed') && this.#sandbox === undefined && !this.#adopted) {
      this.#adopted = true;
      this.#written = JSON.stringify(this.#pod.status);
      return;
    }
    if (await this.#prepare()) await this.#runContainers();
    await this.#writeStatus();
  }

  /** Sandbox and volumes; false where they have to be tried again. */
  async #prepare(): Promise<boolean> {
    const services = this.#services;
    const pod = this.#pod;
    try {
      const sandbox = await services.runtime.ensureSandbox({
        uid: this.uid,
        namespace: pod.metadata.namespace ?? 'default',
        name: pod.metadata.name,
        hostname: toHostname(pod),
        hostNetwork: pod.spec.hostNetwork === true,
        sysctls: pod.spec.securityContext?.sysctls ?? [],
        resolvConf: toResolvConf(pod, services.dns),
        hosts: (ip) => toHosts(pod, ip, services.dns.clusterDomain),
      });
      this.#sandbox = sandbox;
      if (!this.#adopted) {
        this.#adopted = true;
        if (!sandbox.created) await this.#adopt();
      } else if (sandbox.created) {
        this.#initialized = false;
        for (const slot of this.slots) slot.forgetRuns();
      }
      if (this.#volumes === undefined) {
        this.#volumes = await setUpVolumes(this.#volumeInput(sandbox), services.runtime.volumesDir(this.uid));
        this.#refreshTimer = setInterval(() => void this.#refresh(), refreshMs);
        this.#refreshTimer.unref();
      }
      return true;
    } catch (error) {
      const reason = this.#sandbox === undefined ? 'FailedCreatePodSandBox' : 'FailedMount';
      services.events.record({ kind: 'Pod', metadata: pod.metadata }, 'Warning', reason, (error as Error).message);
      for (const slot of this.slots) slot.setWaiting('ContainerCreating');
      this.#later();
      return false;
    }
  }

  async #adopt(): Promise<void> {
    for (const found of await this.#services.runtime.adopt(this.uid)) {
      const slot = this.slots.find((it) => it.container.name === found.name);
      slot?.adopt(found);
      if (slot?.kind === 'main') this.#initialized = true;
    }
  }

  #volumeInput(sandbox: Sandbox): VolumeInput {
    const { capacity, nodeAddress, source, tokens } = this.#services;
    return { pod: this.#pod, addresses: { podIP: sandbox.ip, hostIP: nodeAddress }, node: capacity, source, tokens };
  }

  async #refresh(): Promise<void> {
    if (this.#gone || this.#sandbox === undefined || this.#ending !== undefined) return;
    try {
      await refreshVolumes(this.#volumeInput(this.#sandbox), this.#services.runtime.volumesDir(this.uid));
    } catch (error) {
      // What is there stays in force; the next round tries again.
      this.#services.log(`pod ${this.#name()}: volumes are not refreshed: ${(error as Error).message}`);
    }
  }

  async #runContainers(): Promise<void> {
    const sandbox = this.#sandbox!;
    const volumes = this.#volumes!;
    for (const slot of this.slots) {
      if (slot.kind === 'main') continue;
      if (slot.kind === 'sidecar') {
        await slot.ensureRunning(sandbox, volumes);
        if (!slot.started && !this.#initialized) return this.#waitBehind(slot);
        continue;
      }
      if (this.#initialized || slot.succeeded) continue;
      if (slot.finished) {
        if (slot.restartPolicy === 'Never') return;
      } else await slot.ensureRunning(sandbox, volumes);
      return this.#waitBehind(slot);
    }
    this.#initialized = true;
    const mains = this.slots.filter((it) => it.kind === 'main');
    await Promise.all(mains.map((slot) => slot.ensureRunning(sandbox, volumes)));
    if (mains.every((slot) => slot.finished)) {
      // A Job's pod is done when its containers are: its sidecars are told to end, last first.
      for (const slot of this.slots.filter((it) => it.kind === 'sidecar' && it.running !== undefined).reverse()) {
        await slot.stop(
          (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000,
          `Stopping container ${slot.container.name}`,
        );
      }
    }
  }

  #waitBehind(at: Slot): void {
    for (const slot of this.slots.slice(this.slots.indexOf(at) + 1)) slot.setWaiting('PodInitializing');
  }

  async #end(): Promise<void> {
    const grace = this.#removed
      ? 0
      : (this.#pod.metadata.deletionGracePeriodSeconds ?? this.#pod.spec.terminationGracePeriodSeconds ?? 30);
    const deadline = Date.now() + grace * 1000;
    const left = () => Math.max(0, deadline - Date.now());
    const why = (slot: Slot) => (this.#removed ? '' : `Stopping container ${slot.container.name}`);
    await Promise.all(this.slots.filter((it) => it.kind !== 'sidecar').map((slot) => slot.stop(left(), why(slot))));
    // Sidecars serve the others to their end; they end in the reverse order of their start.
    for (const slot of this.slots.filter((it) => it.kind === 'sidecar').reverse()) await slot.stop(left(), why(slot));
    clearInterval(this.#refreshTimer);
    for (let tries = 0; ; tries++) {
      try {
        if (!this.#removed) await this.#writeStatus();
        await this.#services.runtime.removeSandbox(this.uid);
        this.#services.tokens.forget(this.uid);
        if (!this.#removed) await this.#services.deletePod(this.#pod);
        break;
      } catch (error) {
        this.#services.log(`pod ${this.#name()}: not removed yet: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, Math.min(retryMs * 2 ** tries, 10_000)));
      }
    }
    this.detach();
    this.#onGone();
  }

  #status(): PodStatus {
    return toPodStatus({
      pod: this.#pod,
      hostIP: this.#services.nodeAddress,
      podIP: this.#sandbox?.ip,
      startTime: this.#startTime,
      containers: this.slots.map((slot) => slot.view()),
      failure: this.#failure,
      now: isoSeconds(),
    });
  }

  async #writeStatus(): Promise<void> {
    const status = this.#status();
    const text = JSON.stringify(status);
    if (text === this.#written) return;
    try {
      await this.#services.writeStatus(this.#pod, status);
      this.#written = text;
      // Transition times of the next status are read from this one, also before the watch brings it back.
      this.#pod = { ...this.#pod, status };
    } catch (error) {
      this.#services.log(`pod ${this.#name()}: status is not written: ${(error as Error).message}`);
      this.#later();
    }
  }
}
