// ContainerSpec -> the two shell scripts that start it: a shim that outlives the node process, and the set-up that runs as first
// process of the new namespaces, builds the container's own root file system and becomes the program.
import type { ContainerSpec, Mount } from './runtime.ts';

/** A file or directory of the host, and where containers see it. */
export interface Exposure {
  readonly source: string;
  readonly target: string;
}

/** Places of one container attempt on the host. All paths are absolute and plain (checked when the runtime starts). */
export interface LaunchPaths {
  /** The attempt's own directory: FIFOs, exit code, scripts, `rw` for the writable layer. */
  readonly dir: string;
  /** Directories copied over the root file system: device tree, then the pod's /etc files. */
  readonly skeletons: readonly string[];
  /** Directories that containers must not see. */
  readonly hide: readonly string[];
  /** What every container may read, at a path that no volume of a pod hides. */
  readonly expose: readonly Exposure[];
  readonly hostname: string;
  /** Name below /run/netns; undefined leaves the process in the cluster's namespace. */
  readonly netns: string | undefined;
}

/** Where the old root is while the new one is built. */
const old = '/.rig-old';

/** Size of the writable layer of one container. */
const writableLayer = '1g';

export const quoteShell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const quoteFstab = (text: string): string =>
  text.replace(/[\s\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);

/**
 * Parent of the container, outside its namespaces: keeps the output FIFOs open while no node process reads them,
 * and writes the exit code to a file. Descriptor 3 is the line to the node process: `pid N`, then `ok`, or an error.
 */
export function toShimScript(paths: LaunchPaths): string {
  const dir = quoteShell(paths.dir);
  const enter = paths.netns === undefined ? '' : `nsenter --net=/run/netns/${paths.netns} `;
  return `cd /
exec 7<>${dir}/stdout 8<>${dir}/stderr
exec 1>${dir}/stdout 2>${dir}/stderr
${enter}setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --uts --ipc --propagation private sh ${dir}/init.sh 7>&- 8>&-
echo $? >${dir}/exit
`;
}

/** The mounts that every container has, as an fstab applied after the change of root. */
export function toFstab(spec: ContainerSpec, paths: LaunchPaths): string {
  const line = (source: string, target: string, type: string, options: string): string =>
    `${quoteFstab(source)} ${quoteFstab(target)} ${type} ${options} 0 0\n`;
  const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
  return [
    line('sysfs', '/sys', 'sysfs', spec.privileged ? 'rw,nosuid,nodev,noexec' : 'ro,nosuid,nodev,noexec'),
    ...(spec.privileged
      ? [line(`${old}/dev`, '/dev', 'none', 'rbind')]
      : [
          ...devices.map((name) => line(`${old}/dev/${name}`, `/dev/${name}`, 'none', 'bind')),
          line('devpts', '/dev/pts', 'devpts', 'newinstance,ptmxmode=0666,mode=0620,nosuid,noexec'),
          line('shm', '/dev/shm', 'tmpfs', 'mode=1777,size=64m,nosuid,nodev,noexec'),
          line('/proc/sys', '/proc/sys', 'none', 'bind,ro'),
        ]),
    line('tmp', '/tmp', 'tmpfs', 'mode=1777,size=256m,nosuid,nodev'),
    line('run', '/run', 'tmpfs', 'mode=0755,size=64m,nosuid,nodev'),
    ...[...new Set(['/root', '/home', '/mnt', '/media', ...paths.hide])].map((dir) =>
      line('hidden', dir, 'tmpfs', 'mode=0755,size=64m,nosuid,nodev,X-mount.mkdir'),
    ),
  ].join('');
}

/** Mounts in the order in which they must be made: parents first. */
export function toMountOrder(mounts: readonly Mount[]): Mount[] {
  const depth = (path: string): number => path.split('/').filter((part) => part !== '').length;
  return [...mounts].sort((a, b) => depth(a.target) - depth(b.target));
}

const capability = (name: string): string => `+${name.toLowerCase()}`;

/** Arguments of setpriv that turn root into the container's user. */
export function toIdentityArguments(spec: ContainerSpec): string[] {
  return [
    `--reuid=${spec.uid}`,
    `--regid=${spec.gid}`,
    ...(spec.groups.length > 0 ? [`--groups=${spec.groups.join(',')}`] : ['--clear-groups']),
    ...(spec.privileged
      ? []
      : ['--inh-caps=-all', `--bounding-set=${['-all', ...spec.capabilities.map(capability)].join(',')}`]),
    ...(spec.noNewPrivileges ? ['--no-new-privs'] : []),
  ];
}

const isShellName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

/** First process of the container: makes its file system, drops privileges and becomes the program. */
export function toInitScript(spec: ContainerSpec, paths: LaunchPaths): string {
  const dir = quoteShell(paths.dir);
  const program = spec.command[0] ?? '';
  const plain = spec.env.filter(([name]) => isShellName(name));
  const odd = spec.env.filter(([name]) => !isShellName(name));
  const exposed = paths.expose.map((it) => ({ ...it, readOnly: true }));
  const mounts = [...exposed, ...toMountOrder(spec.mounts)];
  const command = [
    ...(odd.length > 0 ? ['env', ...odd.map(([name, value]) => `${name}=${value}`)] : []),
    ...spec.command,
  ];
  return `set -eu
exec 4>&2 2>&3
read -r pid rest </proc/self/stat
echo "pid $pid" >&3
echo ${quoteShell(paths.hostname)} >/proc/sys/kernel/hostname
mount -t tmpfs -o mode=0755,size=${writableLayer} rig ${dir}/rw
mkdir ${dir}/rw/up ${dir}/rw/work ${dir}/rw/root
cp -a ${paths.skeletons.map((one) => `${quoteShell(one)}/.`).join(' ')} ${dir}/rw/up/
mount -t overlay -o lowerdir=/,upperdir=${dir}/rw/up,workdir=${dir}/rw/work rig ${dir}/rw/root
cd ${dir}/rw/root
pivot_root . .${old}
cd /
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -a -T ${old}${dir}/fstab
bind() {
  if [ -d "${old}$1" ]; then mkdir -p "$2"; else mkdir -p "\${2%/*}"; [ -e "$2" ] || : >"$2"; fi
  mount -o "$3" "${old}$1" "$2"
}
${mounts.map(({ source, target, readOnly }) => `bind ${quoteShell(source)} ${quoteShell(target)} ${readOnly ? 'rbind,ro' : 'rbind'}\n`).join('')}bind ${dir}/termination-log ${quoteShell(spec.terminationMessagePath)} bind
umount -l ${old}
${spec.readOnlyRoot ? `mkdir -p ${quoteShell(spec.workingDir)}\nmount -o remount,bind,ro /\n` : `rmdir ${old}\n[ -d ${quoteShell(spec.workingDir)} ] || mkdir -p ${quoteShell(spec.workingDir)}\n`}cd ${quoteShell(spec.workingDir)}
unset OLDPWD
${plain.map(([name, value]) => `export ${name}=${quoteShell(value)}\n`).join('')}[ -n "$(command -v ${quoteShell(program)})" ] || { echo ${quoteShell(`exec: ${JSON.stringify(program)}: executable file not found in $PATH`)} >&3; exit 128; }
exec 2>&4 4>&-
echo ok >&3
exec 3>&- /usr/bin/setpriv ${[...toIdentityArguments(spec), '--', ...command].map(quoteShell).join(' ')}
`;
}
