// A real kube-apiserver with etcd on loopback, for tests that hold the embedded cluster against it. Its programs are
// found by kubernetes-programs.ts; where there are none, the tests say so and are skipped.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '#lib/kube/client.ts';
import { ensurePki } from '../../clusters/local/pki.ts';
import { findKubernetesProgram, whyMissing } from './kubernetes-programs.ts';

export interface RealKubernetes {
  readonly client: KubeClient;
  readonly kubeconfig: string;
  /** Kills the API server as a crash does, and starts it again on the same port; resolves when it is ready. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const NAMES = { etcd: ['etcd36', 'etcd'], apiserver: ['kube-apiserver'] } as const;
const START_MS = 60_000;

/** Why there is none, or undefined where one can be started. */
export function whyNoRealKubernetes(): string | undefined {
  if (findKubernetesProgram(...NAMES.etcd) && findKubernetesProgram(...NAMES.apiserver)) return undefined;
  return whyMissing('kube-apiserver');
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** No controllers, no nodes: just the API. Everything lives in a temporary directory that `close` removes. */
export async function startRealKubernetes(): Promise<RealKubernetes> {
  const etcd = findKubernetesProgram(...NAMES.etcd);
  const apiserver = findKubernetesProgram(...NAMES.apiserver);
  if (!etcd || !apiserver) throw new Error(whyNoRealKubernetes());
  const dir = mkdtempSync(join(tmpdir(), 'real-kubernetes-'));
  const [port, etcdPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  const pki = await ensurePki(join(dir, 'pki'), { server: `https://127.0.0.1:${port}` });
  const url = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const store = run(etcd, [
    '--name=one',
    `--data-dir=${join(dir, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=one=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ]);
  const serve = (): Child =>
    run(apiserver, [
      `--etcd-servers=${url}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${port}`,
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      `--client-ca-file=${pki.caCert}`,
      `--tls-cert-file=${pki.servingCert}`,
      `--tls-private-key-file=${pki.servingKey}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${pki.serviceAccountPublicKey}`,
      `--service-account-signing-key-file=${pki.serviceAccountKey}`,
      `--cert-dir=${join(dir, 'generated')}`,
      '--profiling=false',
    ]);
  let server = serve();
  const client = KubeClient.fromKubeconfig(pki.adminKubeconfig);
  const close = async (): Promise<void> => {
    client.close();
    await stop(server);
    await stop(store);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await untilReady(client, [store, server]);
  } catch (error) {
    await close();
    throw error;
  }
  const restart = async (): Promise<void> => {
    await stop(server);
    server = serve();
    await untilReady(client, [store, server]);
  };
  return { client, kubeconfig: pki.adminKubeconfig, restart, close };
}

interface Child {
  readonly process: ChildProcess;
  /** The last lines it wrote, for the message when it ends early. */
  readonly tail: string[];
}

function run(program: string, args: readonly string[]): Child {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const tail: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail.push(...text.split('\n').filter((line) => line !== ''));
    tail.splice(0, Math.max(0, tail.length - 5));
  });
  return { process: child, tail };
}

async function stop({ process: child }: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function untilReady(client: KubeClient, children: readonly Child[]): Promise<void> {
  const until = performance.now() + START_MS;
  for (;;) {
    const dead = children.find(({ process: child }) => child.exitCode !== null);
    if (dead) throw new Error(`${dead.process.spawnfile} ended: ${dead.tail.join('\n')}`);
    try {
      await client.requestText('/readyz', { accept: '*/*' });
      return;
    } catch (error) {
      if (performance.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
