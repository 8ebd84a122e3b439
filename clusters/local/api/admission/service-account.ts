// Gives a pod its service account and the volume with its token, as the ServiceAccount admission plugin does.
import { type ApiObject, ensureFields, type Fields, isFields, recs, str } from '../object.ts';
import { generatedName } from '../rest/metadata.ts';
import { forbidden } from '../status.ts';
import type { Store } from '../storage/store.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

export function admitServiceAccount(pod: ApiObject, namespace: string, store: Store): void {
  // Mirror pods have no account.
  if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return;
  const spec = ensureFields(pod, 'spec');
  if (str(spec['serviceAccountName']) === '') spec['serviceAccountName'] = 'default';
  const name = str(spec['serviceAccountName']);
  spec['serviceAccount'] = name;
  const account = store.get('/serviceaccounts', namespace, name);
  if (account === undefined) {
    const why = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`;
    throw forbidden({ group: '', resource: 'pods' }, pod.metadata.name ?? '', why);
  }
  const wanted = spec['automountServiceAccountToken'] ?? account['automountServiceAccountToken'] ?? true;
  if (wanted === true) mountToken(spec);
  if (spec['imagePullSecrets'] === undefined && Array.isArray(account['imagePullSecrets']))
    spec['imagePullSecrets'] = account['imagePullSecrets'];
}

function mountToken(spec: Fields): void {
  const volumes = recs(spec['volumes']);
  const containers = [...recs(spec['initContainers']), ...recs(spec['containers'])];
  const needing = containers.filter(
    (container) => !recs(container['volumeMounts']).some((mount) => mount['mountPath'] === mountPath),
  );
  if (needing.length === 0) return;
  let volume = volumes.find((item) => str(item['name']).startsWith('kube-api-access-') && isFields(item['projected']));
  if (volume === undefined) {
    volume = { name: generatedName('kube-api-access-'), projected: { defaultMode: 420, sources: tokenSources() } };
    volumes.push(volume);
  }
  spec['volumes'] = volumes;
  for (const container of needing)
    container['volumeMounts'] = [
      ...recs(container['volumeMounts']),
      { name: volume['name'], readOnly: true, mountPath },
    ];
}

const tokenSources = (): Fields[] => [
  { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
  { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  {
    downwardAPI: {
      items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
    },
  },
];
