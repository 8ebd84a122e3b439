// Containers as processes: each has its own mount, pid, IPC and UTS namespaces in the network namespace of its pod, over a
// copy-on-write view of the machine's root file system. Everything is on disk, so a restarted node adopts what runs.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from '../run-command.ts';
import { AddressPool } from '../sandbox/addresses.ts';
import { createPodNetwork, hasPodNetwork, removePodNetwork, toNetnsName } from '../sandbox/pod-network.ts';
import { execInContainer } from './exec-command.ts';
import { adoptContainer, ContainerProcess, launchContainer } from './container-process.ts';
import type { Exposure, LaunchPaths } from './launch-script.ts';
import type { ContainerRuntime, ContainerSpec, ExecResult, RunningContainer, Sandbox, SandboxSpec } from './runtime.ts';

export interface ProcessRuntimeOptions {
  readonly stateDir: string;
  readonly podCidr: string;
  readonly nodeAddress: string;
  /** Directories hidden from containers. */
  readonly hide: readonly string[];
  /** Paths they may read all the same. */
  readonly expose: readonly Exposure[];
}

interface SandboxState extends Omit<Sandbox, 'created'> {
  readonly namespace: string;
  readonly name: string;
  readonly hostname: string;
}

const isPlainPath = (path: string): boolean => /^\/[\w./+@-]*$/.test(path);

export class ProcessRuntime implements ContainerRuntime {
  private readonly options: ProcessRuntimeOptions;
  private readonly pool: AddressPool;
  private readonly states = new Map<string, SandboxState>();
  private readonly live = new Map<string, Set<ContainerProcess>>();

  constructor(options: ProcessRuntimeOptions) {
    this.options = options;
    this.pool = new AddressPool(options.podCidr);
  }

  /** Makes the state directory and reads the sandboxes that a former run left. */
  open(): void {
    for (const path of [
      this.options.stateDir,
      ...this.options.hide,
      ...this.options.expose.flatMap((it) => [it.source, it.target]),
    ]) {
      if (!isPlainPath(path)) {
        throw new Error(
          `${path}: the path of the cluster's state may hold letters, digits and ._+@- only; set RIG_HOME to another`,
        );
      }
    }
    mkdirSync(join(this.options.stateDir, 'pods'), { recursive: true, mode: 0o700 });
    this.writeSkeleton();
    for (const uid of readdirSync(join(this.options.stateDir, 'pods'))) {
      try {
        const state = JSON.parse(readFileSync(join(this.podDir(uid), 'sandbox.json'), 'utf8')) as SandboxState;
        this.states.set(uid, state);
        this.pool.reserve(state.ip);
      } catch {
        // A sandbox that was not finished: made anew, or removed by the first sync.
      }
    }
  }

  /** Files every container has in /dev, and empty ones over the machine's password hashes. */
  private writeSkeleton(): void {
    const root = join(this.options.stateDir, 'skeleton');
    if (existsSync(join(root, 'done'))) return;
    rmSync(root, { recursive: true, force: true });
    for (const dir of ['tree/.rig-old', 'tree/dev/pts', 'tree/dev/shm', 'tree/etc'])
      mkdirSync(join(root, dir), { recursive: true });
    for (const name of ['null', 'zero', 'full', 'random', 'urandom', 'tty']) {
      writeFileSync(join(root, 'tree/dev', name), '', { mode: 0o666 });
    }
    for (const name of ['shadow', 'gshadow', 'shadow-', 'gshadow-'])
      writeFileSync(join(root, 'tree/etc', name), '', { mode: 0o600 });
    symlinkSync('pts/ptmx', join(root, 'tree/dev/ptmx'));
    symlinkSync('/proc/self/fd', join(root, 'tree/dev/fd'));
    for (const [index, name] of ['stdin', 'stdout', 'stderr'].entries()) {
      symlinkSync(`/proc/self/fd/${index}`, join(root, 'tree/dev', name));
    }
    writeFileSync(join(root, 'done'), '');
  }

  podDir(uid: string): string {
    if (!/^[\w-]{1,64}$/.test(uid)) throw new Error(`BUG: ${JSON.stringify(uid)} is not a pod uid`);
    return join(this.options.stateDir, 'pods', uid);
  }

  volumesDir(uid: string): string {
    return join(this.podDir(uid), 'volumes');
  }

  logFile(uid: string, container: string, attempt: number): string {
    return join(this.podDir(uid), 'logs', container, `${attempt}.log`);
  }

  sandboxes(): string[] {
    return readdirSync(join(this.options.stateDir, 'pods'));
  }

  trySandbox(uid: string): Sandbox | undefined {
    const state = this.states.get(uid);
    return state === undefined ? undefined : { ...state, created: false };
  }

  async ensureSandbox(spec: SandboxSpec): Promise<Sandbox> {
    const known = this.states.get(spec.uid);
    if (known !== undefined && (known.netns === undefined || hasPodNetwork(known.netns))) {
      return { ...known, created: false };
    }
    const netns = spec.hostNetwork ? undefined : toNetnsName(this.options.stateDir, spec.uid);
    const ip = known?.ip ?? (spec.hostNetwork ? this.options.nodeAddress : this.pool.take());
    try {
      const etc = join(this.podDir(spec.uid), 'root', 'etc');
      mkdirSync(etc, { recursive: true });
      writeFileSync(join(etc, 'resolv.conf'), spec.resolvConf, { mode: 0o644 });
      writeFileSync(join(etc, 'hosts'), spec.hosts(ip), { mode: 0o644 });
      writeFileSync(join(etc, 'hostname'), `${spec.hostname}\n`, { mode: 0o644 });
      const state: SandboxState = {
        uid: spec.uid,
        ip,
        netns,
        namespace: spec.namespace,
        name: spec.name,
        hostname: spec.hostname,
      };
      writeFileSync(join(this.podDir(spec.uid), 'sandbox.json'), JSON.stringify(state), { mode: 0o600 });
      if (netns !== undefined) {
        await createPodNetwork({ netns, ip, nodeAddress: this.options.nodeAddress, sysctls: spec.sysctls });
      }
      this.states.set(spec.uid, state);
      return { ...state, created: true };
    } catch (error) {
      if (!spec.hostNetwork && known === undefined) this.pool.release(ip);
      rmSync(join(this.podDir(spec.uid), 'sandbox.json'), { force: true });
      throw error;
    }
  }

  private launchPaths(uid: string, dir: string): LaunchPaths {
    const state = this.states.get(uid);
    if (state === undefined) throw new Error(`BUG: pod ${uid} has no sandbox`);
    return {
      dir,
      skeletons: [join(this.options.stateDir, 'skeleton/tree'), join(this.podDir(uid), 'root')],
      hide: this.options.hide,
      expose: this.options.expose,
      hostname: state.hostname,
      netns: state.netns,
    };
  }

  private attemptDir(uid: string, name: string, attempt: number): string {
    return join(this.podDir(uid), 'containers', name, String(attempt));
  }

  async start(sandbox: Sandbox, spec: ContainerSpec): Promise<RunningContainer> {
    const dir = this.attemptDir(sandbox.uid, spec.name, spec.attempt);
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(join(dir, 'rw'), { recursive: true, mode: 0o700 });
    const logFile = this.logFile(sandbox.uid, spec.name, spec.attempt);
    mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
    await runCommand('mkfifo', ['-m', '600', join(dir, 'stdout'), join(dir, 'stderr')]);
    const container = await launchContainer({ spec, paths: this.launchPaths(sandbox.uid, dir), logFile });
    this.keep(sandbox.uid, container);
    this.forgetOld(sandbox.uid, spec.name, spec.attempt);
    return container;
  }

  private keep(uid: string, container: ContainerProcess): void {
    const set = this.live.get(uid) ?? new Set();
    this.live.set(uid, set.add(container));
    void container.exited.then(() => set.delete(container));
  }

  /** Keeps this attempt and the one before it (for `logs --previous`). */
  private forgetOld(uid: string, name: string, attempt: number): void {
    for (let old = attempt - 2; old >= 0; old -= 1) {
      const file = this.logFile(uid, name, old);
      if (!existsSync(file) && !existsSync(this.attemptDir(uid, name, old))) break;
      for (const entry of readdirSync(dirname(file))) {
        if (entry === `${old}.log` || entry.startsWith(`${old}.log.`))
          rmSync(join(dirname(file), entry), { force: true });
      }
      rmSync(this.attemptDir(uid, name, old), { recursive: true, force: true });
    }
  }

  async adopt(uid: string): Promise<RunningContainer[]> {
    const root = join(this.podDir(uid), 'containers');
    const result: RunningContainer[] = [];
    for (const name of existsSync(root) ? readdirSync(root) : []) {
      const newest = readdirSync(join(root, name))
        .map(Number)
        .filter(Number.isInteger)
        .sort((a, b) => b - a)[0];
      if (newest === undefined) continue;
      const container = adoptContainer(
        this.attemptDir(uid, name, newest),
        name,
        newest,
        this.logFile(uid, name, newest),
      );
      this.keep(uid, container);
      result.push(container);
    }
    return result;
  }

  exec(container: RunningContainer, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    if (!(container instanceof ContainerProcess)) throw new Error('BUG: not a container of this runtime');
    return execInContainer(container, command, timeoutMs);
  }

  async removeSandbox(uid: string): Promise<void> {
    const live = [...(this.live.get(uid) ?? [])];
    for (const container of live) container.signal('SIGKILL');
    await Promise.all(live.map((container) => container.exited));
    this.live.delete(uid);
    const state = this.states.get(uid);
    await removePodNetwork(state?.netns ?? toNetnsName(this.options.stateDir, uid));
    await unmountBelow(this.podDir(uid));
    rmSync(this.podDir(uid), { recursive: true, force: true });
    if (state?.netns !== undefined) this.pool.release(state.ip);
    this.states.delete(uid);
  }
}

/** Unmounts what is mounted below a directory (memory volumes), deepest first. */
export async function unmountBelow(dir: string): Promise<void> {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
    .filter((point) => point === dir || point.startsWith(`${dir}/`));
  for (const point of points.reverse()) await runCommand('umount', ['-l', point]);
}
