// The controllers process: `main.ts --kubeconfig FILE`. Runs until SIGTERM or SIGINT; outlives restarts of the API server.
import { KubeClient } from '#lib/kube/client.ts';
import { runControllers } from './run.ts';

const flag = process.argv.indexOf('--kubeconfig');
const file = flag < 0 ? undefined : process.argv[flag + 1];
if (file === undefined) {
  console.error('controllers: --kubeconfig FILE is missing');
  process.exit(2);
}
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(name)));
const log = (message: string): void => console.error(`${new Date().toISOString()} ${message}`);
const client = KubeClient.fromKubeconfig(file, { userAgent: 'rigging-controllers' });
await Promise.race([
  runControllers({ client, signal: stop.signal, log }),
  new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve(), { once: true })),
]);
if (!stop.signal.aborted) log('controllers: ready');
stop.signal.addEventListener('abort', () => client.close());
