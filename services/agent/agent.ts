// The pilot-agent's job, in-process: identity (CSR, certificate, rotation), the xDS node and channel, readiness on
// 15021, merged metrics and app probes on 15020, draining. Our proxy runs it; the parent of a stock Envoy will too.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CallCredentials, type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import { waitFor } from '#lib/backoff/backoff.ts';
import { formatSpiffe } from '#lib/identity/spiffe.ts';
import { type AgentNode, buildNode, type ProxyRole, readProxyArguments } from './environment/node.ts';
import { readPodInfo } from './environment/pod-info.ts';
import { type ProxyConfig, readProxyConfig } from './environment/proxy-config.ts';
import { AgentConfigError, durationMs, isOn, ratio, type Variables } from './environment/variables.ts';
import { CHANNEL_OPTIONS, requestCertificate } from './identity/certificate-client.ts';
import { type AgentSecrets, SecretManager } from './identity/secret-manager.ts';
import { AgentMetrics } from './status/agent-metrics.ts';
import { readAppProbes } from './status/app-probes.ts';
import { readAppScrape } from './status/metrics-merge.ts';
import { type StatusServer, startStatusServer } from './status/status-server.ts';

export type { AgentNode, ProxyRole } from './environment/node.ts';
export type { ProxyConfig } from './environment/proxy-config.ts';
export type { AgentSecrets, SecretName, TrustBundle, WorkloadCertificate } from './identity/secret-manager.ts';
export { AgentConfigError };

/** How to reach istiod: `new grpc.Client(target, credentials, options)`; a new one after roots changed. */
export interface DiscoveryTarget {
  /** `dns:///istiod.istio-system.svc:15012` */
  readonly target: string;
  /** TLS verified against the mesh root, composed with the token of the pod (read from its file for each call). */
  readonly credentials: ChannelCredentials;
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
  readonly role: ProxyRole;
  readonly secrets: AgentSecrets;
  /** Parsed PROXY_CONFIG over Istio's defaults. */
  readonly proxyConfig: ProxyConfig;
  /** Ports that are listened on, after start began; for tests that ask for port 0. */
  readonly ports: StatusServer | undefined;
  /**
   * Listens on 15020 and 15021, gets the first certificate (trying again with back-off) and resolves when it is there.
   * Everything ends when the signal aborts.
   */
  start(signal: AbortSignal, hooks: ProxyHooks): Promise<void>;
  openDiscovery(): DiscoveryTarget;
  /** Stops readiness, calls the proxy's drain, resolves after the drain time or when nothing is left. */
  drain(): Promise<void>;
}

/** Where the agent gets everything from; the defaults are the injected pod's. */
export interface AgentOptions {
  /** Arguments after `proxy`: `sidecar --domain ... --proxyLogLevel=warning ...`. */
  readonly args: readonly string[];
  readonly env: Variables;
  /** Root of the file system that mounts are under; tests point it at a folder. @default '/' */
  readonly fileRoot?: string;
  /** Where 15020 and 15021 are listened on; tests say 127.0.0.1 and port 0. */
  readonly listen?: { readonly host: string; readonly statusPort?: number; readonly readinessPort?: number };
  readonly log?: (line: string) => void;
  /** Epoch milliseconds. @default Date.now */
  readonly now?: () => number;
  /** [0, 1). @default Math.random */
  readonly random?: () => number;
}

const ROOT_CERT = 'var/run/secrets/istio/root-cert.pem';
const TOKEN = 'var/run/secrets/tokens/istio-token';
const DAY_MS = 86_400_000;

/** Reads the environment and /etc/istio/pod; throws AgentConfigError, which names what is missing and where it comes from. */
export function createAgent(options: AgentOptions): Agent {
  return new InProcessAgent(options);
}

class InProcessAgent implements Agent {
  readonly node: AgentNode;
  readonly role: ProxyRole;
  readonly secrets: SecretManager;
  readonly proxyConfig: ProxyConfig;
  ports: StatusServer | undefined;
  readonly #options: AgentOptions;
  readonly #metrics: AgentMetrics;
  readonly #files: { readonly root: string; readonly token: string };
  #hooks: ProxyHooks | undefined;
  #draining = false;

  constructor(options: AgentOptions) {
    const { env, fileRoot = '/', now = Date.now } = options;
    const args = readProxyArguments(options.args);
    this.#options = options;
    this.#files = {
      root: join(fileRoot, env['XDS_ROOT_CA'] || ROOT_CERT),
      token: join(fileRoot, env['JWT_PATH'] || TOKEN),
    };
    this.#metrics = new AgentMetrics(now);
    this.role = args.role;
    this.proxyConfig = readProxyConfig(env);
    this.node = buildNode(args, env, readPodInfo(fileRoot), this.proxyConfig);
    this.secrets = this.#createSecrets();
  }

  async start(signal: AbortSignal, hooks: ProxyHooks): Promise<void> {
    const { env, listen } = this.#options;
    this.#hooks = hooks;
    this.ports = await startStatusServer(
      {
        host: listen?.host ?? '0.0.0.0',
        statusPort: listen?.statusPort ?? this.proxyConfig.statusPort,
        readinessPort: listen?.readinessPort ?? 15_021,
        readiness: () => this.#readiness(),
        agentMetrics: () => this.#metrics.text(this.secrets.get('default')?.notAfterMs, this.secrets.renewals),
        proxyMetrics: () => hooks.metrics(),
        appScrape: readAppScrape(env['ISTIO_PROMETHEUS_ANNOTATIONS']),
        appProbes: readAppProbes(env['ISTIO_KUBE_APP_PROBERS']),
        appAddress: isOn(env, 'REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION')
          ? 'localhost'
          : (env['INSTANCE_IP'] ?? '').split(',')[0]!,
        drain: () => this.#beginDrain(),
        quit: () => hooks.quit(),
        onScrapeFailure: (type) => this.#metrics.scrapeFailed(type),
      },
      signal,
    );
    await this.secrets.start(signal);
    this.#metrics.started();
  }

  openDiscovery(): DiscoveryTarget {
    const { token, root } = this.#files;
    const bearer = CallCredentials.createFromMetadataGenerator((_options, callback) => {
      readFile(token, 'utf8').then(
        (text) => {
          const metadata = new Metadata();
          metadata.set('authorization', `Bearer ${text.trim()}`);
          metadata.set('clusterid', this.#clusterId);
          callback(null, metadata);
        },
        (cause: unknown) => callback(new Error(`the pod's token is not readable: ${(cause as Error).message}`)),
      );
    });
    const roots = this.secrets.get('ROOTCA')?.rootsPem ?? readFileSync(root, 'utf8');
    return {
      target: `dns:///${this.proxyConfig.discoveryAddress}`,
      credentials: credentials.createSsl(Buffer.from(roots)).compose(bearer),
      options: CHANNEL_OPTIONS,
    };
  }

  async drain(): Promise<void> {
    const { env } = this.#options;
    this.#beginDrain();
    const endEarly =
      isOn(env, 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS') ||
      this.proxyConfig.proxyMetadata['EXIT_ON_ZERO_ACTIVE_CONNECTIONS'] === 'true';
    if (!endEarly) return waitFor(this.proxyConfig.terminationDrainDurationSeconds * 1000);
    await waitFor(durationMs(env, 'MINIMUM_DRAIN_DURATION', 5_000));
    while ((this.#hooks?.activeConnections() ?? 0) > 0) await waitFor(1_000);
  }

  get #clusterId(): string {
    return String(this.node.metadata['CLUSTER_ID'] ?? 'Kubernetes');
  }

  #beginDrain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#hooks?.drain();
  }

  #readiness(): { ready: boolean; reason?: string } {
    if (this.#draining) return { ready: false, reason: 'draining' };
    if (this.secrets.get('default') === undefined)
      return { ready: false, reason: 'no certificate from the control plane yet' };
    return this.#hooks?.readiness() ?? { ready: false, reason: 'starting' };
  }

  #createSecrets(): SecretManager {
    const { env, now = Date.now, random = Math.random, log = () => {} } = this.#options;
    const metadata = this.node.metadata;
    return new SecretManager({
      expectedIdentity: formatSpiffe({
        trustDomain: env['TRUST_DOMAIN'] || 'cluster.local',
        namespace: String(metadata['NAMESPACE']),
        serviceAccount: String(metadata['SERVICE_ACCOUNT']),
      }),
      ttlSeconds: Math.max(1, Math.round(durationMs(env, 'SECRET_TTL', DAY_MS) / 1000)),
      graceRatio: ratio(env, 'SECRET_GRACE_PERIOD_RATIO', 0.5),
      graceJitter: ratio(env, 'SECRET_GRACE_PERIOD_RATIO_JITTER', 0.01),
      keyAlgorithm: env['WORKLOAD_RSA_KEY_SIZE'] === undefined ? 'ec-p256' : 'rsa-2048',
      readRoots: () => readFile(this.#files.root, 'utf8'),
      requestCertificate: async ({ csr, ttlSeconds, rootsPem, current, signal }) =>
        requestCertificate(
          {
            address: env['CA_ADDR'] || this.proxyConfig.discoveryAddress,
            rootsPem,
            token: await tryRead(this.#files.token),
            keyPair: current,
            clusterId: this.#clusterId,
            csr,
            ttlSeconds,
          },
          signal,
        ),
      now,
      random,
      log,
    });
  }
}

async function tryRead(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
