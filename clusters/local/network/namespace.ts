// The cluster's network namespace: no default route, guards for the private ranges, node addresses on a bridge without ports.
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

async function ip(...args: string[]): Promise<void> {
  await run('ip', args, { env });
}

/** Ranges that a packet must never leave the machine by; specific routes stand before them. */
const guarded = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'];

/** The address of the node that everything in the cluster reaches the API server by. */
export const nodeAddress = (index: number): string => `172.30.0.${index + 1}`;

/** The name of the cluster's namespace. */
export const namespaceName = (instance: string): string => `rig-${instance}`;

export const namespacePath = (name: string): string => `/run/netns/${name}`;

/** Makes the namespace, or leaves it as it is where it stands already. */
export async function createClusterNamespace(instance: string, nodes: number): Promise<string> {
  const name = namespaceName(instance);
  const existing = await namespaces();
  if (!existing.includes(name)) await ip('netns', 'add', name);
  const inside = (...args: string[]) => ip('-n', name, ...args);
  await inside('link', 'set', 'lo', 'up');
  // Guards first: from here on nothing can follow a route that is not there yet.
  for (const range of guarded) await inside('route', 'replace', 'unreachable', range, 'metric', '4000');
  await inside('link', 'add', 'rig0', 'type', 'bridge').catch(() => undefined);
  await inside('link', 'set', 'rig0', 'up');
  for (let node = 0; node < nodes; node++) await inside('address', 'replace', `${nodeAddress(node)}/32`, 'dev', 'rig0');
  // What leads nowhere is told so at once, however often it is tried.
  await run(
    'nsenter',
    [
      `--net=${namespacePath(name)}`,
      'sh',
      '-c',
      'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit',
    ],
    { env },
  );
  return name;
}

/** Names of all network namespaces that `ip netns` knows. */
export async function namespaces(): Promise<string[]> {
  try {
    return await readdir('/run/netns');
  } catch {
    return [];
  }
}

/**
 * Names of the namespaces of a cluster: its own and its pods'. A pod's link in the cluster's namespace is `rigv` and the ten
 * hex digits that its namespace's name begins with, after `rig-`.
 */
export async function clusterNamespaces(instance: string): Promise<string[]> {
  const name = namespaceName(instance);
  const all = await namespaces();
  if (!all.includes(name)) return [];
  const { stdout } = await run('ip', ['-n', name, '-o', 'link', 'show', 'type', 'veth'], { env, maxBuffer: 16 << 20 });
  const prefixes = [...stdout.matchAll(/: rigv([0-9a-f]+)@/g)].map((it) => `rig-${it[1]}`);
  return [name, ...all.filter((it) => prefixes.some((prefix) => it.startsWith(prefix)))];
}

/** Removes the cluster's namespace and every pod's; their links and rules go with them. */
export async function deleteNamespaces(instance: string): Promise<void> {
  for (const found of (await clusterNamespaces(instance)).reverse())
    await ip('netns', 'delete', found).catch(() => undefined);
}
