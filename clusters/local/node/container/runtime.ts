// The container runtime as the pod worker sees it: sandboxes (one network namespace per pod) and containers (processes).
// The implementation is in process-runtime.ts; tests of the worker bring their own.

/** A directory or file of the host that a container sees. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** Everything needed to start one container, resolved: no references into the API are left. */
export interface ContainerSpec {
  readonly name: string;
  /** How often this container was started before. */
  readonly attempt: number;
  readonly command: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly workingDir: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Capabilities without the CAP_ prefix, upper case. */
  readonly capabilities: readonly string[];
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  readonly readOnlyRoot: boolean;
  readonly mounts: readonly Mount[];
  readonly terminationMessagePath: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
}

/** Everything needed to make a pod's sandbox. */
export interface SandboxSpec {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  readonly sysctls: readonly { readonly name: string; readonly value: string }[];
  readonly resolvConf: string;
  /** Content of /etc/hosts, given the pod's address. */
  readonly hosts: (ip: string) => string;
}

export interface Sandbox {
  readonly uid: string;
  readonly ip: string;
  /** Name below /run/netns; undefined with hostNetwork. */
  readonly netns: string | undefined;
  /** True when it was made just now: whatever ran in a former one must be started again, set-up containers first. */
  readonly created: boolean;
}

/** How a container ended. */
export interface ContainerExit {
  readonly exitCode: number;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  /** Set when the program could not be started at all. */
  readonly startError?: string | undefined;
  /** Content of the termination message file; at most 4096 bytes. */
  readonly message: string;
}

/** A started container. */
export interface RunningContainer {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly startedAt: Date;
  readonly logFile: string;
  /** Settles once, when the first process has ended and its output is written. */
  readonly exited: Promise<ContainerExit>;
  /** Sends a signal to the first process. */
  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2'): void;
}

export interface ExecResult {
  readonly exitCode: number;
  /** stdout and stderr together, cut at maxBytes. */
  readonly output: string;
  readonly timedOut: boolean;
}

export interface ContainerRuntime {
  /** Makes the sandbox, or returns the one that a former run of this node left. */
  ensureSandbox(spec: SandboxSpec): Promise<Sandbox>;
  /** The sandbox of a pod, when it has one. */
  trySandbox(uid: string): Sandbox | undefined;
  start(sandbox: Sandbox, spec: ContainerSpec): Promise<RunningContainer>;
  /** Containers of this pod that a former run of this node started: running or ended, newest attempt of each. */
  adopt(uid: string): Promise<RunningContainer[]>;
  /** Runs a program inside a container and waits for it. */
  exec(container: RunningContainer, command: readonly string[], timeoutMs: number): Promise<ExecResult>;
  /** Kills what is left, removes namespace, files and logs. */
  removeSandbox(uid: string): Promise<void>;
  /** Pods that have state on this node. */
  sandboxes(): string[];
  /** Directory for a pod's volumes. */
  volumesDir(uid: string): string;
  /** The log file of a container's attempt. */
  logFile(uid: string, container: string, attempt: number): string;
}
