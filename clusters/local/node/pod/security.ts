// Pod and container security contexts -> the user, groups and capabilities of the process.
import type { Container, Pod } from '../pod-types.ts';
import { ConfigError } from './environment.ts';

/** Capabilities a container has unless it drops them; containerd's default without MKNOD and SYS_CHROOT. */
const defaultCapabilities = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
] as const;

/** Capabilities that a container may ask for; the rest (modules, raw I/O, time, ...) need `privileged`. */
const allCapabilities: readonly string[] = [
  ...defaultCapabilities,
  'MKNOD',
  'SYS_CHROOT',
  'NET_ADMIN',
  'NET_BROADCAST',
  'SYS_PTRACE',
  'SYS_NICE',
  'IPC_LOCK',
  'IPC_OWNER',
  'LEASE',
  'LINUX_IMMUTABLE',
  'SYS_ADMIN',
  'DAC_READ_SEARCH',
  'SYS_RESOURCE',
  'BPF',
  'PERFMON',
];

export interface ProcessIdentity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly capabilities: readonly string[];
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  readonly readOnlyRoot: boolean;
}

/** Resolves who a container runs as; throws ConfigError when runAsNonRoot forbids it. */
export function toIdentity(
  pod: Pod,
  container: Container,
  image: { user?: number | undefined; group?: number | undefined },
): ProcessIdentity {
  const podContext = pod.spec.securityContext ?? {};
  const context = container.securityContext ?? {};
  const uid = context.runAsUser ?? podContext.runAsUser ?? image.user ?? 0;
  const gid = context.runAsGroup ?? podContext.runAsGroup ?? image.group ?? 0;
  if ((context.runAsNonRoot ?? podContext.runAsNonRoot) === true && uid === 0) {
    throw new ConfigError(
      `container has runAsNonRoot and image will run as root (pod: "${pod.metadata.name}_${pod.metadata.namespace ?? 'default'}", container: ${container.name})`,
    );
  }
  const groups = new Set([gid, ...(podContext.supplementalGroups ?? [])]);
  if (podContext.fsGroup !== undefined) groups.add(podContext.fsGroup);
  const privileged = context.privileged === true;
  return {
    uid,
    gid,
    groups: [...groups],
    capabilities: toCapabilities(context.capabilities?.add ?? [], context.capabilities?.drop ?? []),
    privileged,
    noNewPrivileges: context.allowPrivilegeEscalation === false && !privileged,
    readOnlyRoot: context.readOnlyRootFilesystem === true,
  };
}

function toCapabilities(add: readonly string[], drop: readonly string[]): string[] {
  const plain = (name: string): string => name.toUpperCase().replace(/^CAP_/, '');
  const result = new Set<string>(drop.some((name) => plain(name) === 'ALL') ? [] : defaultCapabilities);
  for (const name of drop) result.delete(plain(name));
  for (const name of add.map(plain)) {
    if (name === 'ALL') for (const one of allCapabilities) result.add(one);
    else if (allCapabilities.includes(name)) result.add(name);
    else
      throw new ConfigError(
        `unknown or unsupported capability ${name}: this node grants ${allCapabilities.join(', ')}`,
      );
  }
  return [...result].sort();
}
