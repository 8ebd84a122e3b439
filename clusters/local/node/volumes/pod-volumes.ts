// The volumes of a pod on disk, and what each container mounts of them.
import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import type { Mount } from '../container/runtime.ts';
import { expandVariables } from '../pod/environment.ts';
import { tryQuantity } from '../../quantity.ts';
import type { Container, Volume } from '../pod-types.ts';
import { runCommand } from '../run-command.ts';
import { writeVolume } from './atomic-writer.ts';
import { tryVolumeFiles, type VolumeInput } from './volume-files.ts';

/** A volume that cannot be set up: the pod waits, with an event FailedMount. */
export class VolumeError extends Error {}

/** Makes all volumes of a pod, or brings them up to date; returns their directories (or files) by name. */
export async function setUpVolumes(input: VolumeInput, dir: string): Promise<Map<string, string>> {
  const result = new Map<string, string>();
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  for (const volume of input.pod.spec.volumes ?? []) {
    try {
      result.set(volume.name, await setUpVolume(input, volume, join(dir, volume.name)));
    } catch (error) {
      throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return result;
}

/** Rewrites those volumes whose content comes from the API and has changed. */
export async function refreshVolumes(input: VolumeInput, dir: string): Promise<void> {
  const gid = input.pod.spec.securityContext?.fsGroup;
  for (const volume of input.pod.spec.volumes ?? []) {
    const files = await tryVolumeFiles(input, volume);
    if (files !== undefined) writeVolume(join(dir, volume.name), files, gid);
  }
}

async function setUpVolume(input: VolumeInput, volume: Volume, path: string): Promise<string> {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(volume.name))
    throw new Error(`${JSON.stringify(volume.name)} is not a volume name`);
  const gid = input.pod.spec.securityContext?.fsGroup;
  const files = await tryVolumeFiles(input, volume);
  if (files !== undefined) {
    writeVolume(path, files, gid);
    return path;
  }
  if (volume.emptyDir !== undefined) {
    if (existsSync(path)) return path;
    mkdirSync(path);
    if (volume.emptyDir.medium === 'Memory') {
      const bytes = tryQuantity(volume.emptyDir.sizeLimit);
      const size = bytes === undefined ? '' : `,size=${Math.ceil(bytes)}`;
      await runCommand('mount', ['-t', 'tmpfs', '-o', `nosuid,nodev${size}`, 'rig-volume', path]);
    }
    if (gid !== undefined) chownSync(path, 0, gid);
    chmodSync(path, gid === undefined ? 0o777 : 0o2777);
    return path;
  }
  if (volume.hostPath !== undefined) return setUpHostPath(volume.hostPath);
  const kind = Object.keys(volume).find((key) => key !== 'name') ?? '(none)';
  throw new Error(
    `volumes of kind ${kind} are not supported by the embedded cluster; use emptyDir, configMap, secret, projected, downwardAPI or hostPath`,
  );
}

function setUpHostPath(from: NonNullable<Volume['hostPath']>): string {
  if (!isAbsolute(from.path) || from.path.split('/').includes('..'))
    throw new Error(`hostPath ${from.path} must be absolute and free of '..'`);
  const stat = statSync(from.path, { throwIfNoEntry: false });
  switch (from.type ?? '') {
    case '':
      break;
    case 'DirectoryOrCreate':
      if (stat === undefined) mkdirSync(from.path, { recursive: true, mode: 0o755 });
      else if (!stat.isDirectory()) throw new Error(`hostPath type check failed: ${from.path} is not a directory`);
      break;
    case 'FileOrCreate':
      if (stat === undefined) writeFileSync(from.path, '', { mode: 0o644 });
      else if (!stat.isFile()) throw new Error(`hostPath type check failed: ${from.path} is not a file`);
      break;
    default: {
      const ok =
        (from.type === 'Directory' && stat?.isDirectory()) ||
        (from.type === 'File' && stat?.isFile()) ||
        (from.type === 'Socket' && stat?.isSocket()) ||
        (from.type === 'CharDevice' && stat?.isCharacterDevice()) ||
        (from.type === 'BlockDevice' && stat?.isBlockDevice());
      if (!ok) throw new Error(`hostPath type check failed: ${from.path} is not a ${from.type}`);
    }
  }
  if (!existsSync(from.path)) throw new Error(`hostPath ${from.path} does not exist`);
  return from.path;
}

/** What one container mounts, subPaths resolved; a subPath that leaves its volume, also by a symbolic link, is refused. */
export function toMounts(
  container: Container,
  volumes: ReadonlyMap<string, string>,
  env: ReadonlyMap<string, string>,
): Mount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const volume = volumes.get(mount.name);
    if (volume === undefined) throw new VolumeError(`volumeMounts: no volume named ${mount.name}`);
    if (!isAbsolute(mount.mountPath) || mount.mountPath.split('/').includes('..')) {
      throw new VolumeError(`mountPath ${mount.mountPath} must be absolute and free of '..'`);
    }
    const sub =
      mount.subPathExpr === undefined ? mount.subPath : expandVariables(mount.subPathExpr, (name) => env.get(name));
    const source = sub ? resolveSubPath(volume, sub) : volume;
    return { source, target: normalize(mount.mountPath).replace(/(.)\/$/, '$1'), readOnly: mount.readOnly === true };
  });
}

function resolveSubPath(volume: string, sub: string): string {
  if (isAbsolute(sub) || sub.split('/').includes('..') || sub.includes('\0')) {
    throw new VolumeError(`subPath ${JSON.stringify(sub)} must be relative and free of '..'`);
  }
  const root = realpathSync(volume);
  let path = root;
  // One step at a time: a link on the way must not lead out, and nothing is made through one.
  for (const part of sub.split('/').filter((one) => one !== '' && one !== '.')) {
    const next = join(path, part);
    if (!existsSync(next)) {
      mkdirSync(next);
      chmodSync(next, 0o777);
    }
    path = realpathSync(next);
    if (path !== root && !path.startsWith(`${root}/`))
      throw new VolumeError(`subPath ${JSON.stringify(sub)} leads out of its volume`);
  }
  return path;
}
