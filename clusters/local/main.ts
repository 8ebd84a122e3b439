// Supervisor of a local cluster: makes its network namespace, keeps its programs running there, opens its host ports, and takes
// all of it down on SIGTERM. One process; its wiring is this file.
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubeClient } from '#lib/kube/client.ts';
import {
  apiServerPort,
  clusterDns,
  type HostPort,
  type LocalClusterConfig,
  type LocalClusterState,
  nodeName,
  podCidr,
  serviceCidr,
} from './config.ts';
import { Forwarder } from './forward/forwarder.ts';
import { LoadBalancers } from './forward/load-balancers.ts';
import { createClusterNamespace, deleteNamespaces, namespacePath, nodeAddress } from './network/namespace.ts';
import { NetworkNamespace } from './network/sockets.ts';
import { ensurePki } from './pki.ts';
import { realApiPrograms } from './real-api.ts';
import { Program } from './supervise.ts';

const longestEventList = 100;

const configFile = process.argv[process.argv.indexOf('--config') + 1];
if (configFile === undefined) throw new Error('usage: local-cluster --config FILE');
const config = JSON.parse(readFileSync(configFile, 'utf8')) as LocalClusterConfig;

const events: { at: string; message: string }[] = [];
let programs: Program[] = [];
let hostPorts: readonly HostPort[] = [];

function writeState(): void {
  const state: LocalClusterState = {
    supervisor: process.pid,
    portOffset: config.portOffset,
    apiPort: config.apiPort,
    programs: programs.map((program) => program.state()),
    hostPorts,
    events,
  };
  try {
    writeFileSync(`${config.state}.tmp`, JSON.stringify(state, undefined, 1), { mode: 0o600 });
    renameSync(`${config.state}.tmp`, config.state);
  } catch (error) {
    console.error(`cannot write ${config.state}: ${(error as Error).message}`);
  }
}

function happened(message: string): void {
  const at = new Date().toISOString();
  console.log(`${at} ${message}`);
  events.push({ at, message });
  if (events.length > longestEventList) events.splice(0, events.length - longestEventList);
  writeState();
}

for (const folder of [config.data, config.pods, config.logs]) mkdirSync(folder, { recursive: true, mode: 0o700 });

const namespace = await createClusterNamespace(config.instance, config.nodes);
const nodes = Array.from({ length: config.nodes }, (_, node) => node);
const pki = await ensurePki(config.pki, {
  hosts: nodes.map(nodeAddress),
  server: `https://127.0.0.1:${config.apiPort}`,
  internalServer: `https://${nodeAddress(0)}:${apiServerPort}`,
  nodes: nodes.map(nodeName),
  nodeAddresses: [...nodes.map(nodeAddress), '127.0.0.1'],
});
copyFileSync(pki.adminKubeconfig, config.kubeconfig);

/** A configuration file for one of the programs. */
function configFor(name: string, value: object): string {
  const file = join(config.home, `${name}.config.json`);
  writeFileSync(file, JSON.stringify(value, undefined, 1), { mode: 0o600 });
  return file;
}

function program(name: string, command: readonly string[]): Program {
  return new Program({
    name,
    command: ['nsenter', `--net=${namespacePath(namespace)}`, '--', ...command],
    logFile: join(config.logs, `${name}.log`),
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    graceMs: 20_000,
    onChange: happened,
  });
}

/** The command line of one of our own programs. */
const bundled = (bundle: string, ...args: string[]): string[] => [
  config.node,
  '--disable-warning=ExperimentalWarning',
  join(config.bundles, `${bundle}.mjs`),
  ...args,
];

const apiOptions = { port: apiServerPort, serviceCidr, advertiseAddress: nodeAddress(0) };
const assets = process.env['KUBEBUILDER_ASSETS'];
const apiPrograms = assets
  ? realApiPrograms({ assets, pki, data: config.data, ...apiOptions }).map((it) => program(it.name, it.command))
  : [
      program(
        'api',
        bundled(
          'local-api',
          '--config',
          configFor('api', {
            home: config.home,
            dataDir: config.data,
            host: '0.0.0.0',
            pkiDir: config.pki,
            ...apiOptions,
          }),
        ),
      ),
    ];
const controllers = program('controllers', bundled('local-controllers', '--kubeconfig', pki.controllersKubeconfig));
const nodePrograms = nodes.map((index) => {
  const name = nodeName(index);
  const file = configFor(name, {
    instance: config.instance,
    kubeconfig: pki.node(name).kubeconfig,
    serviceKubeconfig: pki.controllersKubeconfig,
    nodeName: name,
    nodeAddress: nodeAddress(index),
    stateDir: join(config.pods, name),
    home: config.home,
    podCidr: podCidr(index),
    serviceCidr,
    clusterDns,
    apiServer: { host: nodeAddress(0), port: apiServerPort },
    images: config.images,
    nodeBinary: config.node,
    bundles: config.bundles,
    leader: index === 0,
    kubelet: {
      port: 10250,
      certFile: pki.node(name).servingCert,
      keyFile: pki.node(name).servingKey,
      clientCaFile: pki.caCert,
    },
  });
  return program(name, bundled('local-node', '--config', file));
});
programs = [...apiPrograms, controllers, ...nodePrograms];

const sockets = new NetworkNamespace(namespacePath(namespace));
const forwarder = new Forwarder(sockets);
await forwarder.open({ hostPort: config.apiPort, address: nodeAddress(0), port: apiServerPort });
for (const it of programs) it.start();

const lifetime = new AbortController();
const client = KubeClient.fromKubeconfig(pki.adminKubeconfig);
const loadBalancers = new LoadBalancers({
  client,
  forwarder,
  portOffset: config.portOffset,
  onChange: (ports) => {
    hostPorts = ports;
    writeState();
  },
});
void loadBalancers.start(lifetime.signal);

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  happened('stopping');
  lifetime.abort();
  // Nodes first: they end their pods, and say so while the API server still listens.
  await Promise.all(nodePrograms.map((it) => it.stop()));
  await controllers.stop();
  for (const it of apiPrograms.reverse()) await it.stop();
  forwarder.closeAll();
  sockets.close();
  await deleteNamespaces(config.instance);
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
process.on('SIGHUP', () => undefined);
