// `rig down local`: asks the supervisor to stop, then removes whatever is left, also after a kill -9 of everything.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import type { LocalClusterState } from '../clusters/local/config.ts';
import { clusterNamespaces, deleteNamespaces, namespacePath } from '../clusters/local/network/namespace.ts';
import { Failure } from './failure.ts';
import { homeOf, instanceOf, localPaths } from './paths.ts';

const graceMs = 30_000;

export async function down(environment: string): Promise<void> {
  if (environment !== 'local' && process.env['RIG_HOME'] === undefined)
    throw new Failure(`'down ${environment}' is not there yet: only local is`);
  const home = homeOf(environment);
  if (!existsSync(home)) {
    process.stdout.write(`${environment} is not up: nothing to do\n`);
    return;
  }
  await removeLocal(home);
  process.stdout.write(`${environment} is down; nothing of it is left\n`);
}

/** Stops and removes the local environment in `home`: processes, namespaces, mounts, files. */
export async function removeLocal(home: string): Promise<void> {
  const paths = localPaths(home);
  const supervisor = supervisorOf(paths.state);
  if (supervisor !== undefined) {
    tryKill(supervisor, 'SIGTERM');
    await gone([supervisor], graceMs);
  }
  const instance = instanceOf(home);
  // Whatever the supervisor could not end: everything that runs in the namespaces of this environment or from its state directory.
  for (let round = 0; round < 10; round++) {
    const left = await processesOf(home, instance);
    if (left.length === 0) break;
    for (const pid of left) tryKill(pid, 'SIGKILL');
    await gone(left, 5_000);
  }
  unmountBelow(home);
  await deleteNamespaces(instance);
  rmSync(home, { recursive: true, force: true });
}

function supervisorOf(file: string): number | undefined {
  try {
    const state = JSON.parse(readFileSync(file, 'utf8')) as LocalClusterState;
    const commandLine = readFileSync(`/proc/${state.supervisor}/cmdline`, 'utf8');
    return commandLine.includes('local-cluster.mjs') ? state.supervisor : undefined;
  } catch {
    return undefined;
  }
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {}
}

async function gone(pids: readonly number[], withinMs: number): Promise<void> {
  const end = Date.now() + withinMs;
  while (Date.now() < end && pids.some((pid) => existsSync(`/proc/${pid}`)))
    await new Promise((resolve) => setTimeout(resolve, 25));
}

/** Pids that run in a namespace of this instance, or whose program or arguments lie below its state directory. */
export async function processesOf(home: string, instance: string): Promise<number[]> {
  const inodes = await namespaceInodes(instance);
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const inode = /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1];
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (
        (inode !== undefined && inodes.has(inode)) ||
        commandLine[0]?.startsWith(`${home}/`) ||
        commandLine[1]?.startsWith(`${home}/`)
      )
        found.push(pid);
    } catch {}
  }
  return found;
}

async function namespaceInodes(instance: string): Promise<Set<string>> {
  const inodes = new Set<string>();
  for (const name of await clusterNamespaces(instance)) {
    try {
      inodes.add(String(statSync(namespacePath(name)).ino));
    } catch {}
  }
  return inodes;
}

function unmountBelow(home: string): void {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${home}/`))
    .reverse();
  for (const point of points) {
    try {
      execFileSync('umount', ['-l', point], { stdio: 'ignore' });
    } catch {}
  }
}
