// `rig up`: brings an environment up. For `local`: bundles, supervisor, API server, then the same manifests that `rig synth` writes.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { images } from '../apps/images.ts';
import { ApplySet, diagnose, formatDiagnosis, type WaitResult, waitReady } from '../clusters/existing/index.ts';
import type { LocalClusterConfig, LocalClusterState } from '../clusters/local/config.ts';
import { KubeClient } from '../services/lib/kube/client.ts';
import type { KubeObject } from '../services/lib/kube/object.ts';
import { bundlePrograms, placeNode } from './bundle.ts';
import { Failure } from './failure.ts';
import { homeOf, instanceOf, type LocalPaths, localPaths } from './paths.ts';
import { ensureLocalCanRun } from './platform-check.ts';
import { ensurePortsFree } from './ports.ts';
import { Progress } from './progress.ts';
import { watchStatus } from './status.ts';
import { synthesise, writeProvenance } from './synth.ts';
import { ensureTools, localTools } from './system-tools.ts';

export interface UpOptions {
  readonly detach?: boolean | undefined;
  readonly bare?: boolean | undefined;
  /** Seconds. */
  readonly timeout: number;
  readonly portOffset: number;
  readonly nodes: number;
  readonly install: boolean;
}

const meshNamespace = 'istio-system';

export async function up(name: string, options: UpOptions): Promise<void> {
  const startedAt = Date.now();
  const deadline = startedAt + options.timeout * 1000;
  const left = () => Math.max(1_000, deadline - Date.now());
  const { environment, platform, folder } = await synthesise(name, options.bare ? { apps: false } : {});
  if (environment.cluster.kind !== 'local')
    throw new Failure(
      `'up ${name}' needs a ${environment.cluster.kind} cluster, which rig cannot bring up yet: apply the manifests of './rig synth ${name}' instead`,
    );
  ensureLocalCanRun();
  const progress = new Progress(process.stderr);
  ensureTools(localTools, { install: options.install, say: (line) => progress.say(line) });
  const paths = localPaths(homeOf(name));
  if (isRunning(paths)) progress.say(`${name} is up already: its cluster stays, manifests are applied anew`);
  else {
    await ensurePortsFree([
      { port: 6443 + options.portOffset, what: 'Kubernetes API' },
      { port: 8080 + options.portOffset, what: 'ingress gateway, HTTP' },
      { port: 8443 + options.portOffset, what: 'ingress gateway, HTTPS' },
    ]);
    progress.step('building programs');
    mkdirSync(paths.home, { recursive: true, mode: 0o755 });
    await bundlePrograms(paths.bundles);
    placeNode(paths.node);
    progress.step('starting the cluster');
    startSupervisor(paths, options);
  }
  const client = await waitForApi(paths, left());
  progress.step('applying the mesh');
  const set = new ApplySet({ client, name: `rigging-${name}`, retryMs: left() });
  const objects = platform.objects() as unknown as KubeObject[];
  const ofMesh = objects.filter((it) => it.metadata.namespace === meshNamespace || it.metadata.namespace === undefined);
  const rest = objects.filter((it) => !ofMesh.includes(it));
  const wait = async (what: string, all: readonly KubeObject[]) => {
    const result = await waitReady(all, {
      client,
      resources: set.resources,
      timeoutMs: left(),
      onProgress: (object, state, pending) =>
        progress.detail(
          `${what}: ${pending} to go${state.ready ? '' : ` (${object.kind} ${object.metadata.name}: ${state.reason})`}`,
        ),
    });
    if (!result.ready) await fail(client, result, options, paths);
  };
  await set.apply(ofMesh);
  await wait('the mesh', ofMesh);
  if (rest.length > 0) {
    progress.step('applying the apps');
    await set.apply(rest);
    await wait('the apps', rest);
  }
  await set.prune();
  await writeProvenance(join(folder, '.rig', 'provenance.json'), platform);
  client.close();
  progress.done(`${name} is Ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  process.stdout.write(summary(options));
  if (!options.detach && process.stdout.isTTY) await watchStatus(name);
}

async function fail(client: KubeClient, result: WaitResult, options: UpOptions, paths: LocalPaths): Promise<never> {
  const text = formatDiagnosis(await diagnose(client, result));
  throw new Failure(
    `not Ready within ${options.timeout} s:\n${text}\nlogs of the cluster's programs: ${paths.logs}; look on with kubectl (KUBECONFIG=${paths.kubeconfig}), or take it down with ./rig down`,
  );
}

function isRunning(paths: LocalPaths): boolean {
  try {
    const state = JSON.parse(readFileSync(paths.state, 'utf8')) as LocalClusterState;
    return readFileSync(`/proc/${state.supervisor}/cmdline`, 'utf8').includes(join(paths.bundles, 'local-cluster.mjs'));
  } catch {
    return false;
  }
}

function startSupervisor(paths: LocalPaths, options: UpOptions): void {
  const config: LocalClusterConfig = {
    instance: instanceOf(paths.home),
    home: paths.home,
    node: paths.node,
    bundles: paths.bundles,
    pki: paths.pki,
    data: paths.data,
    pods: paths.pods,
    logs: paths.logs,
    state: paths.state,
    images: join(paths.home, 'images.json'),
    kubeconfig: paths.kubeconfig,
    nodes: options.nodes,
    portOffset: options.portOffset,
    apiPort: 6443 + options.portOffset,
  };
  mkdirSync(paths.logs, { recursive: true, mode: 0o700 });
  writeFileSync(config.images, JSON.stringify(images), { mode: 0o600 });
  writeFileSync(paths.config, JSON.stringify(config, undefined, 1), { mode: 0o600 });
  rmSync(paths.kubeconfig, { force: true });
  const log = openSync(join(paths.logs, 'supervisor.log'), 'a', 0o600);
  const child: ChildProcess = spawn(
    paths.node,
    ['--disable-warning=ExperimentalWarning', join(paths.bundles, 'local-cluster.mjs'), '--config', paths.config],
    {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: paths.home,
    },
  );
  child.unref();
}

async function waitForApi(paths: LocalPaths, withinMs: number): Promise<KubeClient> {
  const end = Date.now() + withinMs;
  let last = 'it has not written its kubeconfig';
  while (Date.now() < end) {
    if (existsSync(paths.kubeconfig)) {
      const client = KubeClient.fromKubeconfig(paths.kubeconfig);
      try {
        await client.requestText('/readyz');
        return client;
      } catch (error) {
        last = (error as Error).message;
        client.close();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Failure(`the API server does not answer: ${last}; its log is in ${paths.logs}`);
}

function summary({ portOffset, bare }: UpOptions): string {
  const url = `http://127.0.0.1:${8080 + portOffset}`;
  if (bare)
    return `\nKubernetes   export KUBECONFIG=$(./rig kubeconfig)\nGateway      ${url}\n\nnext: kubectl apply your own app in a namespace labelled istio-injection=enabled\n`;
  const count = `for i in $(seq 100); do curl -s ${url}/productpage | grep -o 'data-service="reviews" data-version="v[0-9]"'; done | sort | uniq -c`;
  return [
    '',
    `Page         ${url}/productpage`,
    'Kubernetes   export KUBECONFIG=$(./rig kubeconfig)',
    '',
    'The split, 90 to 10:',
    `  ${count}`,
    'The header, always v2:',
    `  curl -s -H 'end-user: jason' ${url}/productpage | grep -o 'data-service="reviews" data-version="v[0-9]"'`,
    '',
    'next: kubectl edit virtualservice reviews, and run the loop again; ./rig status; ./rig down',
    '',
  ].join('\n');
}
