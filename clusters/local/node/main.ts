// The node process: `main.ts --config FILE`. Runs inside the cluster's network namespace, as root. All wiring is here.
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { Informer, isNotFound, KubeClient, refs } from '#lib/kube/index.ts';
import { toNodeConfig } from './config.ts';
import { ProcessRuntime } from './container/process-runtime.ts';
import { DnsServer } from './dns/server.ts';
import { EventRecorder } from './events.ts';
import { ImageTable, toImageEntries } from './image-table.ts';
import { KubeletServer } from './kubelet/server.ts';
import { StreamServer } from './kubelet/stream-server.ts';
import { NodeObject } from './node-object.ts';
import type { NodeServices } from './pod/node-services.ts';
import { PodManager } from './pod/pod-manager.ts';
import type { ConfigMap, EndpointSlice, Pod, Secret, Service } from './pod-types.ts';
import { runCommand } from './run-command.ts';
import { ServiceAddresses } from './services/service-addresses.ts';
import { ServiceAccountTokens } from './volumes/service-account-tokens.ts';

const flag = process.argv.indexOf('--config');
const file = flag < 0 ? undefined : process.argv[flag + 1];
if (file === undefined) {
  console.error('node: --config FILE is missing');
  process.exit(2);
}
const config = toNodeConfig(readFileSync(file, 'utf8'));
const log = (line: string): void => console.error(`${new Date().toISOString()} ${line}`);
const lifetime = new AbortController();
process.on('uncaughtException', (error) => log(`BUG: ${error.stack}`));
process.on('unhandledRejection', (error) => log(`BUG: ${(error as Error)?.stack ?? error}`));

const client = KubeClient.fromKubeconfig(config.kubeconfig);
const serviceClient = KubeClient.fromKubeconfig(config.serviceKubeconfig);
/** Where containers see our Node and the bundles: no volume of a pod is mounted over these, wherever the checkout lies. */
const inContainer = { node: '/opt/rigging/bin/node', bundle: '/opt/rigging/bundle' };
const images = new ImageTable(toImageEntries(readFileSync(config.images, 'utf8')), inContainer);
const runtime = new ProcessRuntime({
  stateDir: config.stateDir,
  podCidr: config.podCidr,
  nodeAddress: config.nodeAddress,
  hide: [config.home],
  expose: [
    { source: config.nodeBinary, target: inContainer.node },
    { source: config.bundles, target: inContainer.bundle },
    ...config.expose.map((path) => ({ source: path, target: path })),
  ],
});
runtime.open();

const watching = (what: string) => (error: unknown) => log(`watching ${what}: ${(error as Error).message}`);
const pods = new Informer<Pod>({
  client,
  ref: refs.pods,
  fieldSelector: `spec.nodeName=${config.nodeName}`,
  onError: watching('pods'),
});
const services = new Informer<Service>({ client: serviceClient, ref: refs.services, onError: watching('services') });
const slices = new Informer<EndpointSlice>({
  client: serviceClient,
  ref: refs.endpointSlices,
  onError: watching('endpoint slices'),
});

const orNothing = async <T>(read: Promise<T>): Promise<T | undefined> => {
  try {
    return await read;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
};

const nodeServices: NodeServices = {
  runtime,
  images,
  events: new EventRecorder(client, config.nodeName),
  source: {
    configMap: (namespace, name) => orNothing(client.get<ConfigMap>(refs.configMaps, { namespace, name })),
    secret: (namespace, name) => orNothing(client.get<Secret>(refs.secrets, { namespace, name })),
  },
  tokens: new ServiceAccountTokens(client),
  dns: { clusterDns: config.clusterDns, clusterDomain: config.clusterDomain },
  nodeAddress: config.nodeAddress,
  nodeName: config.nodeName,
  capacity: { cpu: availableParallelism(), memoryBytes: totalmem() },
  services: (namespace) =>
    services
      .list()
      .filter(
        (it) =>
          it.metadata.namespace === namespace ||
          (it.metadata.namespace === 'default' && it.metadata.name === 'kubernetes'),
      ),
  async writeStatus(pod, status) {
    const { namespace, name, uid } = pod.metadata;
    await orNothing(
      client.patch(
        refs.pods,
        { namespace, name },
        { metadata: { uid }, status },
        { type: 'merge', subresource: 'status' },
      ),
    );
  },
  async deletePod(pod) {
    const { namespace, name, uid } = pod.metadata;
    await orNothing(client.delete(refs.pods, { namespace, name }, { gracePeriodSeconds: 0, uid }));
  },
  log,
};

const manager = new PodManager(nodeServices);
for (const informer of [pods, services, slices]) informer.start(lifetime.signal);

if (config.leader) {
  await runCommand('ip', ['address', 'replace', `${config.clusterDns}/32`, 'dev', 'rig0']);
  // Service addresses need a route, or a connection fails before the rules see it.
  await runCommand('ip', ['route', 'replace', config.serviceCidr, 'dev', 'rig0', 'src', config.nodeAddress]);
  const addresses = new ServiceAddresses({
    settings: { serviceCidr: config.serviceCidr, nodeAddress: config.nodeAddress, apiServer: config.apiServer },
    services,
    slices,
    log,
  });
  void addresses.start(lifetime.signal);
  const dns = new DnsServer(
    {
      domain: config.clusterDomain,
      service: (namespace, name) => services.get({ namespace, name }),
      slices: (namespace, service) =>
        slices.list(namespace).filter((it) => it.metadata.labels?.['kubernetes.io/service-name'] === service),
      serviceAt: (address) => services.list().find((it) => it.spec?.clusterIP === address),
    },
    log,
  );
  await dns.start(config.clusterDns, 53, lifetime.signal);
}

const { certFile, keyFile, clientCaFile, port } = config.kubelet;
if (certFile !== undefined && keyFile !== undefined && clientCaFile !== undefined) {
  await new KubeletServer({
    address: config.nodeAddress,
    port,
    certFile,
    keyFile,
    clientCaFile,
    pods: manager,
    runtime,
    streams: new StreamServer(manager),
    log,
  }).start(lifetime.signal);
}
new NodeObject(client, config, log).start(lifetime.signal);
await Promise.race([services.synced, new Promise((resolve) => setTimeout(resolve, 10_000).unref())]);
void manager.start(pods);
log(`node ${config.nodeName}: ${images.names().length} images, pods in ${config.podCidr}`);

// SIGTERM takes the node down with its pods; a kill -9 leaves them running for the next process to adopt.
process.on('SIGTERM', () => {
  lifetime.abort();
  void manager.killAll().then(() => process.exit(0));
});
