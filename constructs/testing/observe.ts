// The objects of a running cluster -> the world that the control plane sees of it: pods, addresses and endpoints are as they are.
import { Component } from '#api/names.ts';
import type { EndpointSliceResource, PodResource, Resource } from '../../services/control-plane/model/resources.ts';
import { workloadOf } from '../../services/control-plane/model/services.ts';
import type { KubernetesObject } from './objects.ts';
import { meshSettings, ofKind, type Workload, type World } from './simulate.ts';

interface Containers {
  readonly containers?: readonly { readonly name: string; readonly args?: readonly string[] }[];
  readonly initContainers?: readonly { readonly name: string; readonly args?: readonly string[] }[];
}

export function observe(objects: readonly KubernetesObject[]): World {
  const pods = ofKind(objects, '', 'Pod').filter((pod) => {
    const { status } = pod as { status?: { podIP?: string; phase?: string } };
    return status?.podIP !== undefined && status.phase !== 'Succeeded' && status.phase !== 'Failed';
  }) as unknown as PodResource[];
  const kind = <Spec>(group: string, name: string): Resource<Spec>[] =>
    ofKind(objects, group, name).map((object) => ({ metadata: object.metadata, spec: (object.spec ?? {}) as Spec }));
  return {
    resources: {
      mesh: meshSettings(objects),
      services: kind('', 'Service'),
      endpointSlices: ofKind(objects, 'discovery.k8s.io', 'EndpointSlice') as unknown as EndpointSliceResource[],
      pods,
      virtualServices: kind('networking.istio.io', 'VirtualService'),
      destinationRules: kind('networking.istio.io', 'DestinationRule'),
      gateways: kind('networking.istio.io', 'Gateway'),
      peerAuthentications: kind('security.istio.io', 'PeerAuthentication'),
      authorizationPolicies: kind('security.istio.io', 'AuthorizationPolicy'),
      credentials: [],
    },
    workloads: workloadsOf(objects, pods),
  };
}

/** Pods by the workload they belong to, in the order of the objects. */
function workloadsOf(objects: readonly KubernetesObject[], pods: readonly PodResource[]): Workload[] {
  const order = new Map(
    objects.map((object, index) => [`${object.kind} ${object.metadata.namespace}/${object.metadata.name}`, index]),
  );
  const rank = (pod: PodResource): number => order.get(`Pod ${pod.metadata.namespace}/${pod.metadata.name}`) ?? 0;
  const found = new Map<string, Workload>();
  for (const pod of [...pods].sort((a, b) => rank(a) - rank(b))) {
    const namespace = pod.metadata.namespace ?? 'default';
    const name = workloadOf(pod);
    const known = found.get(`${namespace}/${name}`);
    const one = { name: pod.metadata.name, ip: pod.status?.podIP ?? '' };
    found.set(`${namespace}/${name}`, {
      name,
      namespace,
      labels: pod.metadata.labels ?? {},
      serviceAccount: pod.spec.serviceAccountName ?? 'default',
      proxy: proxyOf(pod.spec as Containers),
      pods: [...(known?.pods ?? []), one],
    });
  }
  return [...found.values()];
}

function proxyOf({ containers = [], initContainers = [] }: Containers): Workload['proxy'] {
  const proxy = [...containers, ...initContainers].find((each) => each.name === Component.proxyContainer);
  if (!proxy) return 'none';
  return proxy.args?.includes('router') ? 'router' : 'sidecar';
}
