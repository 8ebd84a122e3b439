// What every live namespace holds: ServiceAccount `default` and ConfigMap `kube-root-ca.crt`.
import { isAlreadyExists, isForbidden, isNotFound } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { configMaps, namespaces, serviceAccounts } from '#lib/kube/refs.ts';
import { type Controller, type ControllerContext, type Enqueue, enqueueSelf } from './controller.ts';
import type { ConfigMap, Namespace } from './objects.ts';

const ROOT_CA = 'kube-root-ca.crt';
const ROOT_CA_NOTE = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
    'No other usage is guaranteed across distributions of Kubernetes clusters.',
};

export function serviceAccountController(context: ControllerContext): Controller {
  const { client, informers, signal } = context;
  const cache = informers.of<Namespace>(namespaces);
  const accounts = informers.of(serviceAccounts);
  return {
    name: 'serviceaccount',
    watches: [namespaces, serviceAccounts],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      enqueueNamed(context, accounts.ref, 'default', enqueue);
    },
    reconcile: async (name) => {
      if (!isLive(cache.get(name)) || accounts.get(`${name}/default`)) return undefined;
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } };
      await client.create(serviceAccounts, account, { signal }).catch(ignoreRefusal);
      return undefined;
    },
  };
}

/** `ca` is the bundle that verifies the API server. */
export function rootCaController(context: ControllerContext, ca: string): Controller {
  const { client, informers, signal } = context;
  const cache = informers.of<Namespace>(namespaces);
  const maps = informers.of<ConfigMap>(configMaps);
  return {
    name: 'root-ca-cert-publisher',
    watches: [namespaces, configMaps],
    wire: (enqueue) => {
      enqueueSelf(cache, enqueue);
      enqueueNamed(context, maps.ref, ROOT_CA, enqueue);
    },
    reconcile: async (name) => {
      if (!isLive(cache.get(name))) return undefined;
      const known = maps.get(`${name}/${ROOT_CA}`);
      const data = { 'ca.crt': ca };
      if (known === undefined) {
        const metadata = { name: ROOT_CA, namespace: name, annotations: ROOT_CA_NOTE };
        const map: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
        await client.create(configMaps, map, { signal }).catch(ignoreRefusal);
      } else if (known.data?.['ca.crt'] !== ca) {
        await client.replace<ConfigMap>(configMaps, { ...known, data }, { signal }).catch(ignoreRefusal);
      }
      return undefined;
    },
  };
}

const isLive = (namespace: Namespace | undefined): boolean =>
  namespace !== undefined && !namespace.metadata.deletionTimestamp;

/** Already there, or the namespace began to go: nothing to do either way. */
function ignoreRefusal(error: unknown): void {
  if (!isAlreadyExists(error) && !isForbidden(error) && !isNotFound(error)) throw error;
}

function enqueueNamed(context: ControllerContext, ref: typeof configMaps, name: string, enqueue: Enqueue): void {
  const look = (object: KubeObject): void => {
    if (object.metadata.name === name && object.metadata.namespace) enqueue(object.metadata.namespace);
  };
  context.informers.of(ref).subscribe({ update: look, delete: look });
}
