// What every cluster starts with: system namespaces, default roles, the service `kubernetes` and its endpoints.
import { randomUUID } from 'node:crypto';
import { defaultRbac } from './auth/default-roles.ts';
import type { ServiceAllocation } from './kinds/allocation.ts';
import { type ApiObject, clone, type Fields, isEqual, nowText } from './object.ts';
import type { Store } from './storage/store.ts';

export async function bootstrap(
  store: Store,
  allocation: ServiceAllocation,
  address: string,
  port: number,
): Promise<void> {
  const writes: (Promise<unknown> | undefined)[] = [];
  const ensure = (resource: string, object: Fields, isOwned: boolean): void => {
    const wanted = object as unknown as ApiObject;
    const held = store.get(resource, wanted.metadata.namespace ?? '', wanted.metadata.name);
    if (held === undefined) {
      wanted.metadata = { ...wanted.metadata, uid: randomUUID(), creationTimestamp: nowText() };
      writes.push(store.put(resource, wanted, undefined));
    } else if (isOwned) {
      const next = {
        ...clone(held),
        ...object,
        metadata: { ...clone(held.metadata), labels: { ...held.metadata.labels, ...wanted.metadata.labels } },
      } as ApiObject;
      if (!isEqual(next, held)) writes.push(store.put(resource, next, held));
    }
  };
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    ensure(
      '/namespaces',
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      },
      false,
    );
  const rbac = 'rbac.authorization.k8s.io';
  for (const [resource, object] of defaultRbac)
    ensure(
      `${rbac}/${resource}`,
      {
        apiVersion: `${rbac}/v1`,
        kind: resource === 'clusterroles' ? 'ClusterRole' : 'ClusterRoleBinding',
        ...clone(object),
      },
      true,
    );
  const clusterIP = allocation.firstAddress;
  const metadata = { name: 'kubernetes', namespace: 'default' };
  ensure(
    '/services',
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP,
        clusterIPs: [clusterIP],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        internalTrafficPolicy: 'Cluster',
        sessionAffinity: 'None',
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
      },
      status: { loadBalancer: {} },
    },
    false,
  );
  ensure(
    '/endpoints',
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
    },
    true,
  );
  ensure(
    'discovery.k8s.io/endpointslices',
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    },
    true,
  );
  await Promise.all(writes);
}
