// What a pod worker needs from its node: the pieces main.ts wires together.
import type { ContainerRuntime } from '../container/runtime.ts';
import type { EventRecorder } from '../events.ts';
import type { ImageTable } from '../image-table.ts';
import type { Pod, PodStatus, Service } from '../pod-types.ts';
import type { DnsSettings } from '../sandbox/pod-files.ts';
import type { TokenSource } from '../volumes/volume-files.ts';
import type { ConfigSource } from './environment.ts';
import type { NodeCapacity } from './fields.ts';

export interface NodeServices {
  readonly runtime: ContainerRuntime;
  readonly images: ImageTable;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly source: ConfigSource;
  readonly tokens: TokenSource & { forget(uid: string): void };
  readonly dns: DnsSettings;
  readonly nodeAddress: string;
  readonly nodeName: string;
  readonly capacity: NodeCapacity;
  /** Services whose variables a pod of this namespace sees. */
  services(namespace: string): readonly Service[];
  /** Writes the status of exactly this pod (by uid). Rejects when the API server cannot be reached. */
  writeStatus(pod: Pod, status: PodStatus): Promise<void>;
  /** Removes the object of a pod whose processes are gone. */
  deletePod(pod: Pod): Promise<void>;
  log(message: string): void;
}
