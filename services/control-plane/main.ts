// istiod: `discovery` with Istio's flags. Reads the cluster through its service account or --kubeconfig.
import { parseArgs } from 'node:util';
import { KubeClient } from '#lib/kube/index.ts';
import { type ControlPlanePorts, startControlPlane } from './control-plane.ts';

/** The version that tools of Istio see. */
const VERSION = '1.30.0';

const USAGE = `usage: control-plane discovery [--kubeconfig FILE] [--httpAddr :8080] [--grpcAddr :15010]
  [--secureGRPCAddr :15012] [--monitoringAddr :15014] [--httpsAddr :15017] [--shutdownDuration 10s]`;

const FLAGS = {
  kubeconfig: { type: 'string' },
  httpAddr: { type: 'string', default: ':8080' },
  grpcAddr: { type: 'string', default: ':15010' },
  secureGRPCAddr: { type: 'string', default: ':15012' },
  monitoringAddr: { type: 'string', default: ':15014' },
  httpsAddr: { type: 'string', default: ':15017' },
  shutdownDuration: { type: 'string', default: '10s' },
} as const;

const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);

async function main(): Promise<void> {
  // Flags of stock manifests that have no meaning here are ignored, as istiod does.
  const { values, positionals } = parseArgs({ options: FLAGS, allowPositionals: true, strict: false });
  if (positionals[0] !== 'discovery') {
    process.stderr.write(`${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const flag = (name: keyof typeof FLAGS): string => String(values[name] ?? '');
  const ports: ControlPlanePorts = {
    http: portOf(flag('httpAddr')),
    grpc: portOf(flag('grpcAddr')),
    secureGrpc: portOf(flag('secureGRPCAddr')),
    monitoring: portOf(flag('monitoringAddr')),
    webhooks: portOf(flag('httpsAddr')),
  };
  const { env } = process;
  const client = values.kubeconfig ? KubeClient.fromKubeconfig(flag('kubeconfig')) : KubeClient.inCluster();
  const running = new AbortController();
  const plane = await startControlPlane(
    {
      client,
      ports,
      namespace: env['POD_NAMESPACE'] || undefined,
      revision: env['REVISION'] || undefined,
      identity: env['POD_NAME'] || undefined,
      version: VERSION,
      log,
    },
    running.signal,
  );
  log(`listening: ${JSON.stringify(plane.ports)}`);
  void plane.ready.then(() => log('ready: everything has been read once'));
  const stop = (): void => {
    log('draining');
    const limit = setTimeout(() => running.abort(), secondsOf(flag('shutdownDuration')) * 1000);
    void plane.drain().then(() => {
      clearTimeout(limit);
      running.abort();
      client.close();
    });
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function portOf(address: string): number {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`address ${JSON.stringify(address)} is not [host]:port`);
  return port;
}

const secondsOf = (duration: string): number => Number(/^(\d+)s$/.exec(duration)?.[1] ?? 10);

main().catch((error: unknown) => {
  log(`cannot start: ${(error as Error).message}`);
  process.exit(1);
});
