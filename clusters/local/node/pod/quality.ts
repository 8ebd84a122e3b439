// The quality-of-service class of a pod, from its requests and limits.
// @see https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
import type { Pod } from '../pod-types.ts';
import { tryQuantity } from '../../quantity.ts';

export function toQosClass(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const value = (map: Record<string, string> | undefined, key: string): number => tryQuantity(map?.[key]) ?? 0;
  let any = false;
  let guaranteed = true;
  for (const { resources } of containers) {
    for (const key of ['cpu', 'memory']) {
      const limit = value(resources?.limits, key);
      const request = value(resources?.requests, key);
      if (limit > 0 || request > 0) any = true;
      if (limit === 0 || (request !== 0 && request !== limit)) guaranteed = false;
    }
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}
