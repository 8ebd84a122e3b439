// The pilot-agent's job, in-process: identity (CSR, certificate, rotation), the xDS node and channel, readiness on
// 15021, merged metrics and app probes on 15020, draining. Our proxy runs it; the parent of a stock Envoy will too.
import type { CallCredentials, ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import type { KeyPair } from '#lib/tls/key-pair.ts';

/** The workload's own certificate, SDS name `default`. */
export interface WorkloadCertificate extends KeyPair {
  /** The SPIFFE identity in it. */
  readonly identity: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Who is trusted, SDS name `ROOTCA`. */
export interface TrustBundle {
  readonly rootsPem: string;
}

/** The secrets that a proxy's TLS contexts name `default` and `ROOTCA`. */
export interface AgentSecrets {
  get(name: 'default'): WorkloadCertificate | undefined;
  get(name: 'ROOTCA'): TrustBundle | undefined;
  /** Called after a secret changed (rotation, new roots); returns the way to stop listening. */
  onChange(listener: (name: 'default' | 'ROOTCA') => void): () => void;
}

/** The `node` of the first discovery request (envoy.config.core.v3.Node, canonical JSON names). */
export interface AgentNode {
  /** `sidecar~<ip>~<pod>.<namespace>~<namespace>.svc.cluster.local` */
  readonly id: string;
  /** `<app>.<namespace>` */
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly subZone?: string };
  readonly userAgentName: string;
  readonly userAgentVersion: string;
}

/** How to reach istiod: `new grpc.Client(target, credentials, options)`. Make a new one after a channel failed for good. */
export interface DiscoveryTarget {
  /** `dns:///istiod.istio-system.svc:15012` */
  readonly target: string;
  /** TLS verified against the mesh root, composed with the token of the pod (read from file for each call). */
  readonly credentials: ChannelCredentials;
  readonly callCredentials: CallCredentials;
  readonly options: ChannelOptions;
}

/** What the proxy tells the agent; all are called often and must be cheap. */
export interface ProxyHooks {
  /** Ready = first clusters and listeners received and live; else why not. */
  readiness(): { readonly ready: boolean; readonly reason?: string };
  /** The proxy's own metrics in Prometheus text form. */
  metrics(): string | Promise<string>;
  /** Stop accepting (answer health checks with failure), finish what runs. Called by POST /drain and on termination. */
  drain(): void;
  /** POST /quitquitquit: end the process in order. */
  quit(): void;
  /** Connections or requests still open; draining ends early at zero with EXIT_ON_ZERO_ACTIVE_CONNECTIONS. */
  activeConnections(): number;
}

/** One agent of one proxy. */
export interface Agent {
  readonly node: AgentNode;
  readonly role: 'sidecar' | 'router' | 'waypoint';
  readonly secrets: AgentSecrets;
  /** Parsed PROXY_CONFIG over Istio's defaults. */
  readonly proxyConfig: ProxyConfig;
  /**
   * Listens on 15020 and 15021, gets the first certificate (retrying with back-off) and resolves when it is there.
   * Everything ends when the signal aborts.
   */
  start(signal: AbortSignal, hooks: ProxyHooks): Promise<void>;
  openDiscovery(): DiscoveryTarget;
  /** Stops readiness, calls the proxy's drain, resolves after the drain time or when nothing is left. */
  drain(): Promise<void>;
}

/** The part of istio.mesh.v1alpha1.ProxyConfig that the data plane reads. */
export interface ProxyConfig {
  /** @default 'istiod.istio-system.svc:15012' */
  readonly discoveryAddress: string;
  /** Prefix of the node cluster. @default 'istio-proxy' */
  readonly serviceCluster: string;
  /** @default 2 */
  readonly concurrency: number;
  /** @default 45 */
  readonly drainDurationSeconds: number;
  /** @default 5 */
  readonly terminationDrainDurationSeconds: number;
  /** @default 15000 */
  readonly proxyAdminPort: number;
  /** @default 15020 */
  readonly statusPort: number;
  readonly holdApplicationUntilProxyStarts: boolean;
  readonly proxyMetadata: Readonly<Record<string, string>>;
  /** @default '/etc/istio/proxy' */
  readonly configPath: string;
}

/** Where the agent gets everything from; the defaults are the injected pod's. */
export interface AgentOptions {
  /** Arguments after `proxy`: `sidecar --domain ... --proxyLogLevel=warning ...`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Root of the file system that mounts are under; tests point it at a folder. @default '/' */
  readonly fileRoot?: string;
  readonly log?: (line: string) => void;
  /** Epoch milliseconds. @default Date.now */
  readonly now?: () => number;
  /** [0, 1). @default Math.random */
  readonly random?: () => number;
}

/** Reads the environment and mounts; no I/O but reading /etc/istio/pod. Throws RigError-like Error with the remedy on bad input. */
export function createAgent(options: AgentOptions): Agent {
  throw new Error(`BUG: the agent is not built yet (${options.args.join(' ')})`);
}
