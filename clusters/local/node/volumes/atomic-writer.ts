// Files of a ConfigMap, Secret or projected volume -> a directory that changes all at once, as the kubelet's AtomicWriter does:
// `..<time>/` holds the files, `..data` points to it, and each visible name points through `..data`.
// @see https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export interface VolumeFile {
  readonly data: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
}

/** Throws unless a file's path stays inside its volume. */
export function checkVolumePath(path: string): void {
  const parts = path.split('/');
  const wrong =
    path === '' ||
    path.length > 4096 ||
    path.startsWith('/') ||
    path.startsWith('..') ||
    path.includes('\0') ||
    parts.some((part) => part === '..' || part === '.' || part === '' || part.length > 255);
  if (wrong)
    throw new Error(`${JSON.stringify(path)} is not a path inside a volume: it must be relative and free of '..'`);
}

function isCurrent(dir: string, files: ReadonlyMap<string, VolumeFile>, gid: number | undefined): boolean {
  try {
    const data = join(dir, readlinkSync(join(dir, '..data')));
    const present = listFiles(data, '');
    if (present.length !== files.size) return false;
    for (const [path, file] of files) {
      const stat = lstatSync(join(data, path));
      if ((stat.mode & 0o777) !== toMode(file.mode, gid) || !readFileSync(join(data, path)).equals(file.data))
        return false;
    }
    return true;
  } catch {
    return false;
  }
}

function listFiles(root: string, prefix: string): string[] {
  return readdirSync(join(root, prefix), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listFiles(root, join(prefix, entry.name)) : [join(prefix, entry.name)],
  );
}

/** With a group of the pod, the group may read what the owner may read. */
const toMode = (mode: number, gid: number | undefined): number =>
  gid === undefined ? mode : mode | ((mode & 0o400) >> 3);

/** Makes `dir` hold exactly these files; returns false when it did already. */
export function writeVolume(dir: string, files: ReadonlyMap<string, VolumeFile>, gid?: number): boolean {
  for (const path of files.keys()) checkVolumePath(path);
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  if (isCurrent(dir, files, gid)) return false;
  const fresh = mkdtempSync(join(dir, `..${new Date().toISOString().replace(/\W/g, '_')}.`));
  chmodSync(fresh, 0o755);
  if (gid !== undefined) chownSync(fresh, 0, gid);
  for (const [path, { data, mode }] of files) {
    const target = join(fresh, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    writeFileSync(target, data);
    chmodSync(target, toMode(mode, gid));
    if (gid !== undefined) chownSync(target, 0, gid);
  }
  const previous = existsSync(join(dir, '..data')) ? readlinkSync(join(dir, '..data')) : undefined;
  rmSync(join(dir, '..data_tmp'), { force: true });
  symlinkSync(fresh.slice(dir.length + 1), join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  const visible = new Set([...files.keys()].map((path) => path.split('/', 1)[0] ?? ''));
  for (const name of visible) {
    const link = join(dir, name);
    if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync(join('..data', name), link);
  }
  for (const name of readdirSync(dir)) {
    if (!name.startsWith('..') && !visible.has(name)) rmSync(join(dir, name), { recursive: true, force: true });
  }
  if (previous !== undefined) rmSync(join(dir, previous), { recursive: true, force: true });
  return true;
}
