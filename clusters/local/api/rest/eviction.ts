// May this pod be evicted? Each disruption budget that selects it is asked, and a granted eviction is written down in
// the budget's status at once, so that two evictions never spend the same allowance.
import type { ResourceRegistry } from '../kinds/registry.ts';
import { type ApiObject, at, clone, nowText, num, rec, str } from '../object.ts';
import { matchesLabelSelector } from '../selectors.ts';
import * as status from '../status.ts';
import type { Store } from '../storage/store.ts';
import type { ObjectService } from './object-service.ts';
import type { ApiRequest } from './request.ts';

export interface EvictionParts {
  readonly store: Store;
  readonly registry: ResourceRegistry;
  readonly objects: ObjectService;
}

/** Throws 429 where a budget forbids it. @see https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/ */
export async function grantEviction(parts: EvictionParts, pod: ApiObject, request: ApiRequest): Promise<void> {
  // Pods that serve nobody, or go already, cost nothing.
  const phase = str(at(pod, 'status', 'phase'));
  if (['Succeeded', 'Failed', 'Pending'].includes(phase) || pod.metadata.deletionTimestamp !== undefined) return;
  const { namespace = '', name, labels = {} } = pod.metadata;
  const budgets = parts.store
    .list('policy/poddisruptionbudgets', namespace)
    .filter((budget) => matchesLabelSelector(at(budget, 'spec', 'selector'), labels));
  if (budgets.length > 1) {
    throw new status.ApiError(
      500,
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  const [budget] = budgets;
  if (budget === undefined) return;
  const definition = parts.registry.find('policy', 'v1', 'poddisruptionbudgets')!;
  await parts.objects.change(definition, namespace, budget.metadata.name, 'status', request, (before) => {
    const current = rec(before['status']);
    if (num(current['observedGeneration']) < num(before.metadata.generation)) {
      throw tooMany(`The disruption budget ${before.metadata.name} is still being processed by the server.`);
    }
    const healthy = num(current['currentHealthy']);
    const desired = num(current['desiredHealthy']);
    const next = clone(before);
    const isReady = (at(pod, 'status', 'conditions') as { type?: string; status?: string }[] | undefined)?.some(
      (condition) => condition.type === 'Ready' && condition.status === 'True',
    );
    const policy = str(at(before, 'spec', 'unhealthyPodEvictionPolicy'));
    if (!isReady && (policy === 'AlwaysAllow' || (healthy >= desired && desired > 0))) return { next, retry: true };
    const allowed = num(current['disruptionsAllowed']);
    if (allowed <= 0) {
      throw tooMany(
        `The disruption budget ${before.metadata.name} needs ${desired} healthy pods and has ${healthy} currently`,
      );
    }
    const disruptedPods = { ...rec(current['disruptedPods']), [name]: nowText() };
    next['status'] = { ...current, disruptionsAllowed: allowed - 1, disruptedPods };
    return { next, retry: true };
  });
}

function tooMany(message: string): Error {
  return new status.ApiError(
    429,
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    { causes: [{ reason: 'DisruptionBudget', message }] },
  );
}
