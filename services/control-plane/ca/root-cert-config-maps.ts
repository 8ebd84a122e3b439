// Hands the mesh's roots to every namespace: ConfigMap istio-ca-root-cert, which pods mount to verify istiod.
import { waitFor } from '#lib/backoff/backoff.ts';
import {
  Informer,
  isAlreadyExists,
  isForbidden,
  isNotFound,
  type KubeClient,
  type KubeObject,
  refs,
} from '#lib/kube/index.ts';
import { ConfigMapName, ROOT_CERT_KEY } from '#api/names.ts';
import type { CertificateAuthority } from './authority.ts';

interface ConfigMapObject extends KubeObject {
  data?: Record<string, string>;
}

/** No pod of the mesh ever runs in these; kube-system does get the roots. */
const SKIPPED: ReadonlySet<string> = new Set(['kube-public', 'kube-node-lease', 'local-path-storage']);
const RETRY_MS = 1_000;

/** Keeps the ConfigMaps right until the signal aborts: new namespaces, changed roots, edits and deletions by others. */
export function distributeRootCert(
  options: { readonly client: KubeClient; readonly ca: CertificateAuthority; readonly log?: (line: string) => void },
  signal: AbortSignal,
): void {
  const { client, ca, log = () => {} } = options;
  const onError = (error: unknown): void => log(`root certificate distribution: ${(error as Error).message}`);
  const namespaces = new Informer<KubeObject>({ client, ref: refs.namespaces, onError });
  const configMaps = new Informer<ConfigMapObject>({
    client,
    ref: refs.configMaps,
    fieldSelector: `metadata.name=${ConfigMapName.rootCert}`,
    onError,
  });
  const isWanted = (namespace: string): boolean => {
    const object = namespaces.get({ name: namespace });
    return object !== undefined && object.metadata.deletionTimestamp === undefined && !SKIPPED.has(namespace);
  };
  const queue = createQueue(
    signal,
    async (namespace) => {
      if (!isWanted(namespace)) return;
      const current = configMaps.get({ namespace, name: ConfigMapName.rootCert });
      if (current?.data?.[ROOT_CERT_KEY] === ca.rootCertPem) return;
      await write(client, namespace, ca.rootCertPem, current);
    },
    onError,
  );
  const all = (): void => {
    for (const { metadata } of namespaces.list()) queue(metadata.name);
  };
  namespaces.subscribe({ add: ({ metadata }) => queue(metadata.name), update: ({ metadata }) => queue(metadata.name) });
  configMaps.subscribe({
    add: ({ metadata }) => queue(metadata.namespace ?? ''),
    update: ({ metadata }) => queue(metadata.namespace ?? ''),
    delete: ({ metadata }) => queue(metadata.namespace ?? ''),
  });
  signal.addEventListener('abort', ca.onChange(all), { once: true });
  configMaps.start(signal);
  // Namespaces second: the ConfigMaps that are already right are then not written again.
  void configMaps.synced.then(() => {
    if (!signal.aborted) namespaces.start(signal);
  });
}

async function write(
  client: KubeClient,
  namespace: string,
  rootCertPem: string,
  current: ConfigMapObject | undefined,
): Promise<void> {
  const data = { [ROOT_CERT_KEY]: rootCertPem };
  if (current !== undefined) {
    await client.patch(refs.configMaps, current.metadata, { data });
    return;
  }
  const metadata = { name: ConfigMapName.rootCert, namespace, labels: { 'istio.io/config': 'true' } };
  const object: ConfigMapObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
  try {
    await client.create(refs.configMaps, object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await client.patch(refs.configMaps, metadata, { data });
  }
}

/** One task per namespace at a time, tried again until it succeeds; a namespace that is going is given up. */
function createQueue(
  signal: AbortSignal,
  work: (namespace: string) => Promise<void>,
  onError: (error: unknown) => void,
): (namespace: string) => void {
  const running = new Map<string, { again: boolean }>();
  const run = async (namespace: string, state: { again: boolean }): Promise<void> => {
    do {
      state.again = false;
      try {
        await work(namespace);
      } catch (error) {
        if (signal.aborted || isNotFound(error)) continue;
        onError(error);
        if (isForbidden(error)) continue;
        state.again = true;
        await waitFor(RETRY_MS, signal);
      }
    } while (state.again && !signal.aborted);
    running.delete(namespace);
  };
  return (namespace) => {
    const state = running.get(namespace);
    if (state !== undefined) {
      state.again = true;
      return;
    }
    const fresh = { again: false };
    running.set(namespace, fresh);
    void run(namespace, fresh);
  };
}
