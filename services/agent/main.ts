// The program `pilot-agent` for images with a stock Envoy:
//   proxy sidecar|router|waypoint [flags]   agent and Envoy until SIGTERM, then drains
//   istio-iptables [flags]                  sets up redirection and ends
import { AgentConfigError, createAgent } from './agent.ts';
import { startEnvoyParent } from './envoy/parent.ts';
import { runIstioIptables } from './iptables/program.ts';

const METRICS_PORT = 15_090;

const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);

async function runProxy(args: readonly string[]): Promise<number> {
  const { env } = process;
  const agent = createAgent({ args, env, log });
  const logLevel = args.find((argument) => argument.startsWith('--proxyLogLevel='))?.slice('--proxyLogLevel='.length);
  const parent = await startEnvoyParent({
    agent,
    binary: env['ENVOY_BINARY'] || '/usr/local/bin/envoy',
    metricsPort: METRICS_PORT,
    ...(logLevel === undefined ? {} : { logLevel }),
    log,
  });
  const stop = (): void => void parent.stop();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  return parent.envoy.exited;
}

async function main([program, ...args]: readonly string[]): Promise<number> {
  if (program === 'proxy') return runProxy(args);
  if (program === 'istio-iptables') return runIstioIptables(args);
  log(`unknown command ${JSON.stringify(program ?? '')}; use proxy or istio-iptables`);
  return 2;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    log(error instanceof AgentConfigError ? error.message : String((error as Error).stack));
    process.exit(1);
  },
);
