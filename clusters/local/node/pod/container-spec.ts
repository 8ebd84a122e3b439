// A container of a pod, with its image, environment, identity and volumes -> what the runtime starts.
import type { ContainerSpec } from '../container/runtime.ts';
import type { ImageEntry } from '../image-table.ts';
import type { Container, Pod, Service } from '../pod-types.ts';
import { toHostname } from '../sandbox/pod-files.ts';
import { toMounts } from '../volumes/pod-volumes.ts';
import { ConfigError, type ConfigSource, expandVariables, resolveEnvironment } from './environment.ts';
import type { NodeCapacity, PodAddresses } from './fields.ts';
import { toIdentity } from './security.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ContainerInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly image: ImageEntry;
  readonly addresses: PodAddresses;
  readonly node: NodeCapacity;
  readonly services: readonly Service[];
  readonly source: ConfigSource;
  readonly volumes: ReadonlyMap<string, string>;
}

/** Resolves everything a container refers to; throws ConfigError or VolumeError. */
export async function buildContainerSpec(input: ContainerInput): Promise<ContainerSpec> {
  const { pod, container, image } = input;
  const identity = toIdentity(pod, container, image);
  const imageEnv = {
    PATH: defaultPath,
    HOSTNAME: toHostname(pod),
    HOME: identity.uid === 0 ? '/root' : '/',
    ...image.env,
    ...(container.tty === true ? { TERM: 'xterm' } : {}),
  };
  const env = await resolveEnvironment({ ...input, imageEnv });
  const expand = (list: readonly string[] | undefined): string[] | undefined =>
    list?.map((text) => expandVariables(text, (name) => env.get(name)));
  const entrypoint = expand(container.command);
  // `command` replaces entrypoint and default arguments; `args` replaces the default arguments only.
  const args = expand(container.args) ?? (entrypoint === undefined ? (image.args ?? []) : []);
  const command = [...(entrypoint === undefined || entrypoint.length === 0 ? image.command : entrypoint), ...args];
  if (
    command.some((word) => word.includes('\0')) ||
    [...env].some(([name, value]) => /[=\0]/.test(name) || value.includes('\0'))
  ) {
    throw new ConfigError('command, arguments and environment must not hold NUL characters');
  }
  return {
    name: container.name,
    attempt: input.attempt,
    command,
    env: [...env],
    workingDir: container.workingDir || image.workingDir || '/',
    ...identity,
    mounts: toMounts(container, input.volumes, env),
    terminationMessagePath: container.terminationMessagePath || '/dev/termination-log',
    tty: container.tty === true,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
  };
}
