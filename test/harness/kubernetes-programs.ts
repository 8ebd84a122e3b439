// Where real Kubernetes programs (kubectl, kube-apiserver, etcd) are on this machine: KUBEBUILDER_ASSETS, PATH, or the cache that
// ../shared/cluster/up.sh builds into.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

const builder = resolve(import.meta.dirname, '../../../shared/cluster/up.sh');

/** The first of these programs that is found. */
export function findKubernetesProgram(...names: readonly string[]): string | undefined {
  const cache = join(process.env['W'] ?? join(homedir(), '.cache', 'realk8s'), 'bin');
  const folders = [process.env['KUBEBUILDER_ASSETS'] ?? '', ...(process.env['PATH'] ?? '').split(delimiter), cache];
  return folders
    .filter((folder) => folder !== '')
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
}

/** Why a program is not there, and what brings it. */
export const whyMissing = (program: string): string =>
  existsSync(builder)
    ? `${program} is not built yet: run ../shared/cluster/up.sh build`
    : `${program} is not on this machine: put it in PATH, or name its directory in KUBEBUILDER_ASSETS`;
