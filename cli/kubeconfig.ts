// `rig kubeconfig`: where kubectl finds the environment.
import { existsSync } from 'node:fs';
import { Failure } from './failure.ts';
import { homeOf, localPaths } from './paths.ts';

export function kubeconfig(environment: string): void {
  const { kubeconfig: path } = localPaths(homeOf(environment));
  if (!existsSync(path)) throw new Failure(`${environment} is not up: run './rig up ${environment}' first`);
  process.stdout.write(`${path}\n`);
}
