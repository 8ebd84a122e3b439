// The downward API: what a field path of a pod, or a resource of a container, reads as text.
// @see https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
import type { Container, Pod } from '../pod-types.ts';
import { toResourceField, tryQuantity } from '../../quantity.ts';

/** Addresses a pod learns from the node. */
export interface PodAddresses {
  readonly podIP: string;
  readonly hostIP: string;
}

/** What the node offers when a container has no limit. */
export interface NodeCapacity {
  readonly cpu: number;
  readonly memoryBytes: number;
}

const quote = (text: string): string => JSON.stringify(text);

/** Lines `key="value"`, sorted, as files of the downward API hold maps. */
function toLines(map: Record<string, string> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${quote(map?.[key] ?? '')}`)
    .join('\n');
}

/** The text of a field path; throws when the path is none of the supported ones. */
export function findField(pod: Pod, path: string, addresses: PodAddresses): string {
  const meta = pod.metadata;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed !== null) return meta[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return meta.name;
    case 'metadata.namespace':
      return meta.namespace ?? 'default';
    case 'metadata.uid':
      return meta.uid ?? '';
    case 'metadata.labels':
      return toLines(meta.labels);
    case 'metadata.annotations':
      return toLines(meta.annotations);
    case 'spec.nodeName':
      return pod.spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? 'default';
    case 'status.podIP':
    case 'status.podIPs':
      return addresses.podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return addresses.hostIP;
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** The text of a resource of one container; limits that are not set read as the node's capacity, requests as 0. */
export function findResource(
  pod: Pod,
  self: Container | undefined,
  ref: { readonly containerName?: string; readonly resource: string; readonly divisor?: string },
  node: NodeCapacity,
): string {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const container = ref.containerName === undefined ? self : all.find((one) => one.name === ref.containerName);
  if (container === undefined)
    throw new Error(`resourceFieldRef: no container named ${ref.containerName ?? '(none given)'}`);
  const [kind, ...rest] = ref.resource.split('.');
  const name = rest.join('.');
  const set = tryQuantity((kind === 'limits' ? container.resources?.limits : container.resources?.requests)?.[name]);
  if (kind !== 'limits' && kind !== 'requests') throw new Error(`unsupported container resource: ${ref.resource}`);
  const fallback = kind === 'requests' ? 0 : name === 'cpu' ? node.cpu : name === 'memory' ? node.memoryBytes : 0;
  return toResourceField(set ?? fallback, ref.divisor);
}
