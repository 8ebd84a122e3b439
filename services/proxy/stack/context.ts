// What every exchange needs from its proxy.
import type { Cluster } from '../upstream/cluster.ts';

export interface ProxyContext {
  readonly clusters: { get(name: string): Cluster | undefined };
  /** [0,1) */
  readonly random: () => number;
  /** UUID v4. */
  readonly newId: () => string;
  /** Answers carry `Connection: close` so that clients go elsewhere. */
  isDraining: boolean;
  /** Requests and tunnels in progress. */
  active: number;
  writeAccess(line: string): void;
}
