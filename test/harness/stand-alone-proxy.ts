// Our data plane as a process of its own, without an agent: `stand-alone-proxy.ts ADS_PORT LISTENER`. Prints the port of
// the listener on standard error when it is open; the access log goes to standard output.
import { credentials } from '@grpc/grpc-js';
import { writeSync } from 'node:fs';
import { DataPlane } from '../../services/proxy/data-plane.ts';
import { AdsClient } from '../../services/proxy/xds/ads-client.ts';
import { ProxySink } from '../../services/proxy/xds/proxy-sink.ts';

const [adsPort, listener = ''] = process.argv.slice(2);
const node = {
  id: 'sidecar~127.0.0.1~bench.default~default.svc.cluster.local',
  cluster: 'bench.default',
  metadata: { NAMESPACE: 'default', WORKLOAD_NAME: 'bench' },
};
const plane = new DataPlane({
  node,
  log: (line) => process.stderr.write(`${line}\n`),
  writeAccessLog: (text) => writeSync(1, text),
});
const sink = new ProxySink(plane);
const discovery = new AdsClient({
  open: () => ({ target: `127.0.0.1:${adsPort}`, credentials: credentials.createInsecure(), options: {} }),
  node: { id: node.id, cluster: node.cluster },
  sink,
  log: (line) => process.stderr.write(`${line}\n`),
});
discovery.start(new AbortController().signal);
const timer = setInterval(() => {
  if (!sink.isReady) return;
  clearInterval(timer);
  process.stderr.write(`port ${plane.listeners.portOf(listener)}\n`);
}, 10);
process.on('SIGTERM', () => process.exit(0));
process.on('SIGUSR2', () => process.stderr.write(`rss ${process.memoryUsage.rss()}\n`));
