// The proxy of a sidecar or gateway with the agent in the same process: made, started, drained on SIGTERM. All wiring is here.
import { createAgent } from '../agent/agent.ts';
import { waitFor } from '#lib/backoff/backoff.ts';
import { Admin } from './admin/server.ts';
import { type Json as WireJson, toStruct } from '#wire/xds.ts';
import { DataPlane } from './data-plane.ts';
import { AdsClient } from './xds/ads-client.ts';
import { ProxySink } from './xds/proxy-sink.ts';

const ADMIN_HOST = '127.0.0.1';
const METRICS_PORT = 15_090;
/** Longest wait for requests in flight after the drain time is over. */
const LAST_REQUESTS_MS = 5_000;

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
}

/** Runs until SIGTERM, then drains and exits. */
export async function runProxy(args: readonly string[]): Promise<void> {
  const stop = new AbortController();
  const agent = createAgent({ args, env: process.env, log });
  const { node, secrets, proxyConfig } = agent;
  const plane = new DataPlane({ node, log, writeAccessLog: (text) => process.stdout.write(text) });
  const sink = new ProxySink(plane);
  const discovery = new AdsClient({
    open: () => agent.openDiscovery(),
    node: {
      id: node.id,
      cluster: node.cluster,
      metadata: toStruct(node.metadata as Record<string, WireJson>),
      userAgentName: node.userAgentName,
      userAgentVersion: node.userAgentVersion,
      ...(node.locality === undefined ? {} : { locality: node.locality }),
    },
    sink,
    log,
  });
  let wasReady = false;
  const isReady = (): boolean => {
    wasReady ||= sink.isReady;
    return wasReady && !plane.context.isDraining;
  };
  const drain = (): void => {
    plane.context.isDraining = true;
  };
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    void (async () => {
      log('draining');
      await agent.drain();
      plane.listeners.stopAccepting();
      plane.listeners.closeIdle();
      for (let waited = 0; plane.context.active > 0 && waited < LAST_REQUESTS_MS; waited += 50) await waitFor(50);
      stop.abort();
      admin.close();
      plane.close();
      process.exit(0);
    })();
  };
  const admin = new Admin({
    plane,
    discovery,
    isReady: () => wasReady || isReady(),
    quit: end,
    drain,
    version: `rigging/${node.userAgentVersion}/Clean/RELEASE/node`,
  });
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  const copySecrets = (): void => {
    const certificate = secrets.get('default');
    const roots = secrets.get('ROOTCA');
    if (certificate !== undefined) {
      plane.secrets.setCertificate('default', {
        certificateChain: certificate.certificateChainPem,
        privateKey: certificate.privateKey.reveal(),
      });
    }
    if (roots !== undefined) plane.secrets.setValidation('ROOTCA', { trustedCa: roots.rootsPem });
  };
  secrets.onChange(copySecrets);
  await admin.listen(ADMIN_HOST, proxyConfig.proxyAdminPort);
  await admin.listen('0.0.0.0', METRICS_PORT, 'metrics');
  await agent.start(stop.signal, {
    readiness: () =>
      isReady()
        ? { ready: true }
        : { ready: false, reason: plane.context.isDraining ? 'draining' : 'waiting for clusters and listeners' },
    metrics: () => admin.metrics(),
    drain,
    quit: end,
    activeConnections: () => plane.context.active,
  });
  copySecrets();
  discovery.start(stop.signal);
}
