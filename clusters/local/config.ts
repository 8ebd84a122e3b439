// What the supervisor of a local cluster is told, and what it tells about itself.

/** `config.json` in the state directory, written by `rig up`. Paths are absolute; ports are on 127.0.0.1 of the host. */
export interface LocalClusterConfig {
  readonly instance: string;
  readonly home: string;
  readonly node: string;
  readonly bundles: string;
  readonly pki: string;
  readonly data: string;
  readonly pods: string;
  readonly logs: string;
  readonly state: string;
  readonly images: string;
  /** Where the administrator's kubeconfig goes. */
  readonly kubeconfig: string;
  readonly nodes: number;
  readonly portOffset: number;
  /** Host port of the API server. */
  readonly apiPort: number;
}

/** One program that the supervisor keeps running. */
export interface ProgramState {
  readonly name: string;
  readonly pid: number | undefined;
  readonly startedAt: string;
  readonly restarts: number;
  readonly lastExit?: string | undefined;
}

/** A LoadBalancer Service's port on the host. */
export interface HostPort {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  readonly hostPort: number;
  readonly problem?: string | undefined;
}

/** `state.json`, rewritten by the supervisor at every change. */
export interface LocalClusterState {
  readonly supervisor: number;
  readonly portOffset: number;
  readonly apiPort: number;
  readonly programs: readonly ProgramState[];
  readonly hostPorts: readonly HostPort[];
  /** The last things that happened, newest last; bounded. */
  readonly events: readonly { readonly at: string; readonly message: string }[];
}

export const serviceCidr = '10.96.0.0/16';
export const clusterDns = '10.96.0.10';
/** Port of the API server inside the cluster's namespace. */
export const apiServerPort = 6443;

export const podCidr = (node: number): string => `10.244.${node}.0/24`;
export const nodeName = (node: number): string => `rig-node-${node}`;
