// The objects of a running environment that analysis and `rig why` read, in one go.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { kinds } from '#api/registry.ts';
import { isForbidden, isNotFound } from '#lib/kube/errors.ts';
import { KubeClient } from '#lib/kube/client.ts';
import type { KubeObject, ResourceRef } from '#lib/kube/object.ts';
import * as refs from '#lib/kube/refs.ts';
import { Failure } from './failure.ts';
import { homeOf, localPaths } from './paths.ts';

export interface ClusterOptions {
  readonly env?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** A client for `--kubeconfig`, `--context`, else the environment. */
function clusterClient(options: ClusterOptions): KubeClient {
  const environment = options.env ?? process.env['RIG_ENV'] ?? 'local';
  const explicit =
    options.kubeconfig ??
    (options.context ? (process.env['KUBECONFIG'] ?? join(homedir(), '.kube', 'config')) : undefined);
  const path = explicit ?? localPaths(homeOf(environment)).kubeconfig;
  if (!existsSync(path)) {
    throw new Failure(
      explicit
        ? `there is no kubeconfig ${path}`
        : `${environment} is not up: run './rig up ${environment}' first, or pass --kubeconfig`,
    );
  }
  return KubeClient.fromKubeconfig(path, options.context ? { context: options.context } : {});
}

const CORE: readonly ResourceRef[] = [refs.namespaces, refs.services, refs.pods, refs.endpointSlices, refs.configMaps];

/** Objects of every kind that matters; kinds that the cluster does not serve or the user may not read are left out. */
export async function readClusterObjects(
  options: ClusterOptions,
  more: readonly ResourceRef[] = [],
): Promise<KubeObject[]> {
  const own = kinds.map(
    (kind): ResourceRef => ({
      group: kind.group,
      version: kind.version,
      plural: kind.plural,
      kind: kind.kind,
      namespaced: kind.scope === 'Namespaced',
    }),
  );
  const client = clusterClient(options);
  try {
    const lists = await Promise.all([...CORE, ...own, ...more].map((ref) => listOf(client, ref)));
    return lists.flat();
  } finally {
    client.close();
  }
}

async function listOf(client: KubeClient, ref: ResourceRef): Promise<KubeObject[]> {
  try {
    const { items } = await client.listAll<KubeObject>(ref);
    const apiVersion = ref.group === '' ? ref.version : `${ref.group}/${ref.version}`;
    return items.map((item) => ({ ...item, apiVersion: item.apiVersion ?? apiVersion, kind: item.kind ?? ref.kind }));
  } catch (error) {
    if (isNotFound(error) || isForbidden(error)) return [];
    throw error;
  }
}
