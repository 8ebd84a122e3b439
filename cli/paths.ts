// Where things of this checkout and of an environment lie on disk.
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

/** The root of the checkout. */
export const root = resolve(import.meta.dirname, '..');

/** The state directory of an environment: `.rig/<env>`, moved by `RIG_HOME`. */
export function homeOf(environment: string): string {
  return resolve(process.env['RIG_HOME'] ?? join(root, '.rig', environment));
}

/** Six hex digits that name everything an environment makes on this machine (namespaces, interfaces). */
export function instanceOf(home: string): string {
  return createHash('sha256').update(home).digest('hex').slice(0, 6);
}

/** Files inside the state directory of a local environment. */
export interface LocalPaths {
  readonly home: string;
  readonly bundles: string;
  readonly node: string;
  readonly pki: string;
  readonly data: string;
  readonly pods: string;
  readonly logs: string;
  readonly state: string;
  readonly config: string;
  readonly kubeconfig: string;
}

export function localPaths(home: string): LocalPaths {
  return {
    home,
    bundles: join(home, 'bundle'),
    node: join(home, 'bin', 'node'),
    pki: join(home, 'pki'),
    data: join(home, 'data'),
    pods: join(home, 'pods'),
    logs: join(home, 'logs'),
    state: join(home, 'state.json'),
    config: join(home, 'config.json'),
    kubeconfig: join(home, 'kubeconfig'),
  };
}
