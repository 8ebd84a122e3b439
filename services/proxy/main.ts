// The program `proxy`:
//   proxy sidecar|router|waypoint [flags]   runs until SIGTERM, then drains
//   istio-iptables [flags]                  sets up redirection and ends
//   request METHOD PATH, wait               what pilot-agent offers to lifecycle hooks
// Each is loaded only when it is asked for: an init container that writes rules has no need of the data plane.

async function main(argv: readonly string[]): Promise<void> {
  const [program, ...args] = argv;
  switch (program) {
    case 'proxy': {
      const { runProxy } = await import('./run-proxy.ts');
      return runProxy(args);
    }
    case 'istio-iptables': {
      const { runIstioIptables } = await import('../agent/iptables/program.ts');
      process.exitCode = await runIstioIptables(args);
      return;
    }
    case 'request': {
      const { pilotAgentRequest } = await import('./pilot-agent.ts');
      process.exitCode = await pilotAgentRequest(args);
      return;
    }
    case 'wait': {
      const { pilotAgentWait } = await import('./pilot-agent.ts');
      process.exitCode = await pilotAgentWait(args);
      return;
    }
    default:
      process.stderr.write(
        `usage: proxy sidecar|router [flags] | istio-iptables [flags] | request METHOD PATH | wait; not '${program ?? ''}'\n`,
      );
      process.exitCode = 2;
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${new Date().toISOString()} the proxy ends: ${error.message}\n`);
  process.exit(1);
});
