// Supervisor of a local cluster: makes its network namespace, keeps its programs running there, opens its host ports, and takes
// all of it down on SIGTERM. One process; its wiring is this file.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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
await ensurePki(config.pki, {
  hosts: ['127.0.0.1', 'localhost', ...nodes.map(nodeAddress)],
  server: `https://${nodeAddress(0)}:${apiServerPort}`,
  nodes: nodes.map(nodeName),
});

/** A configuration file for one of the programs. */
function configFor(name: string, value: object): string {
  const file = join(config.home, `${name}.config.json`);
  writeFileSync(file, JSON.stringify(value, undefined, 1), { mode: 0o600 });
  return file;
}

function program(name: string, bundle: string, args: readonly string[]): Program {
  return new Program({
    name,
    command: ['nsenter', `--net=${namespacePath(namespace)}`, '--', config.node, '--disable-warning=ExperimentalWarning', join(config.bundles, `${bundle}.mjs`), ...args],
    logFile: join(config.logs, `${name}.log`),
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    graceMs: 20_000,
    onChange: happened,
  });
}

const api = program('api', 'local-api', [
  '--config',
  configFor('api', {
    home: config.home,
    dataDir: config.data,
    host: '0.0.0.0',
    port: apiServerPort,
    pkiDir: config.pki,
    serviceCidr,
    advertiseAddress: nodeAddress(0),
  }),
]);
const controllers = program('controllers', 'local-controllers', ['--kubeconfig', join(config.pki, 'controllers.kubeconfig')]);
const nodePrograms = nodes.map((index) =>
  program(nodeName(index), 'local-node', [
    '--config',
    configFor(nodeName(index), {
      instance: config.instance,
      kubeconfig: join(config.pki, `node-${nodeName(index)}.kubeconfig`),
      pkiDir: config.pki,
      nodeName: nodeName(index),
      nodeIndex: index,
      nodeAddress: nodeAddress(index),
      stateDir: join(config.pods, nodeName(index)),
      home: config.home,
      podCidr: podCidr(index),
      serviceCidr,
      clusterDns,
      apiServer: { host: nodeAddress(0), port: apiServerPort },
      images: config.images,
      node: config.node,
      bundles: config.bundles,
    }),
  ]),
);
programs = [api, controllers, ...nodePrograms];

const sockets = new NetworkNamespace(namespacePath(namespace));
const forwarder = new Forwarder(sockets);
await forwarder.open({ hostPort: config.apiPort, address: nodeAddress(0), port: apiServerPort });
for (const it of programs) it.start();

const lifetime = new AbortController();
const client = KubeClient.fromKubeconfig(join(config.pki, 'host.kubeconfig'));
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
  await api.stop();
  forwarder.closeAll();
  sockets.close();
  await deleteNamespaces(config.instance);
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
process.on('SIGHUP', () => undefined);
