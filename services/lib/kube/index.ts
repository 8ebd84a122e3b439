// The Kubernetes client that our programs share: objects, verbs, mirrors, leader election.
export {
  type ApplyOptions,
  type ClientOptions,
  type DeleteOptions,
  KubeClient,
  type KubeList,
  type ListOptions,
  type PatchOptions,
  pathOf,
  type RequestOptions,
  type WatchOptions,
  type WriteOptions,
} from './client.ts';
export type { KubeConnection } from './credentials.ts';
export * from './errors.ts';
export { Informer, type InformerHandlers, type InformerOptions } from './informer.ts';
export { defaultKubeconfigPath, parseKubeconfig, readKubeconfig } from './kubeconfig.ts';
export { LeaderElection, type LeaderElectionOptions, type Lease } from './lease.ts';
export * from './object.ts';
export * as refs from './refs.ts';
export type { WatchEvent } from './watch.ts';
