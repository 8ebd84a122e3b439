// The agent as parent of a stock Envoy: sockets first, then Envoy, then readiness by its admin, until the signal aborts.
import { join } from 'node:path';
import { waitFor } from '#lib/backoff/backoff.ts';
import type { Agent } from '../agent.ts';
import { envoyBootstrap } from './bootstrap.ts';
import { createDiscoveryRelay } from './discovery-relay.ts';
import { EnvoyProcess } from './envoy-process.ts';
import { createSecretServer } from './secret-server.ts';
import { listenOnUnixSocket } from './unix-server.ts';

/** Where the parent puts things. */
export interface EnvoyParentOptions {
  readonly agent: Agent;
  readonly binary: string;
  /** Root of the file system that mounts are under. @default '/' */
  readonly fileRoot?: string;
  /** @default 15090 */
  readonly metricsPort?: number | undefined;
  readonly logLevel?: string;
  readonly log: (line: string) => void;
}

/** A running pair. */
export interface EnvoyParent {
  readonly envoy: EnvoyProcess;
  /** Drains, ends Envoy, closes the sockets. */
  stop(): Promise<void>;
}

const SECRET_SOCKET = 'var/run/secrets/workload-spiffe-uds/socket';
const READINESS_INTERVAL_MS = 250;

/** Resolves when Envoy runs; readiness is answered on 15021 from the first moment. */
export async function startEnvoyParent(options: EnvoyParentOptions): Promise<EnvoyParent> {
  const { agent, log, fileRoot = '/' } = options;
  const end = new AbortController();
  const configDir = join(fileRoot, agent.proxyConfig.configPath);
  const sockets = { discoverySocket: join(configDir, 'XDS'), secretSocket: join(fileRoot, SECRET_SOCKET) };
  let state: { ready: boolean; reason?: string } = { ready: false, reason: 'Envoy is not started yet' };
  let active = 0;
  let envoy: EnvoyProcess | undefined;
  const stop = async (): Promise<void> => {
    await agent.drain();
    await envoy?.end();
    end.abort();
  };
  try {
    await agent.start(end.signal, {
      readiness: () => state,
      metrics: () => envoy?.admin('/stats/prometheus') ?? '',
      drain: () => void envoy?.drain(),
      quit: () => void stop(),
      activeConnections: () => active,
    });
    const relay = createDiscoveryRelay(() => agent.openDiscovery(), {
      onConnectionFailure: (details) => log(`istiod: ${details}`),
    });
    await listenOnUnixSocket(createSecretServer(agent.secrets, log), sockets.secretSocket, end.signal);
    await listenOnUnixSocket(relay, sockets.discoverySocket, end.signal);
    const running = await EnvoyProcess.start({
      binary: options.binary,
      bootstrap: envoyBootstrap({
        node: agent.node,
        adminPort: agent.proxyConfig.proxyAdminPort,
        metricsPort: options.metricsPort,
        ...sockets,
      }),
      configDir,
      concurrency: agent.proxyConfig.concurrency,
      drainSeconds: agent.proxyConfig.drainDurationSeconds,
      logLevel: options.logLevel ?? 'warning',
      log,
    });
    envoy = running;
    void running.exited.then(() => end.abort());
    void (async () => {
      while (!end.signal.aborted) {
        state = await running.readiness();
        active = await running.activeConnections();
        await waitFor(READINESS_INTERVAL_MS, end.signal);
      }
    })();
    return { envoy: running, stop };
  } catch (error) {
    end.abort();
    throw error;
  }
}
