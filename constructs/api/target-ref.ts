// How a policy chooses what it applies to: labels of workloads, or references to Gateways, Services and the like.
import type { Findings } from './findings.ts';
import { joinPath } from './problem.ts';
import { array, object, string, type TypeOf } from './schema.ts';
import { checkSelector, workloadSelector } from './selector.ts';

export const targetRef = object(
  'An object of the same namespace to which the policy applies.',
  {
    group: string('API group; empty for core.', {
      maxLength: 253,
      pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
    }),
    kind: string('Gateway, GatewayClass, Service or ServiceEntry.', {
      minLength: 1,
      maxLength: 63,
      pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$',
    }),
    name: string('Name of the object.', { minLength: 1, maxLength: 253 }),
    namespace: string('Must be empty.', {
      'x-kubernetes-validations': [
        { message: 'cross namespace referencing is not currently supported', rule: 'self.size() == 0' },
      ],
    }),
  },
  { required: ['kind', 'name'] },
);

export const targetFields = {
  selector: workloadSelector,
  targetRef,
  targetRefs: array('Objects of the same namespace to which the policy applies.', targetRef, { maxItems: 16 }),
};

/** The CEL rule of kinds that have `targetFields`. */
export const oneTarget = {
  message: 'only one of targetRefs or selector can be set',
  rule: '(has(self.selector) ? 1 : 0) + (has(self.targetRef) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1',
};

const ALLOWED = [
  { group: '', kind: 'Service' },
  { group: 'networking.istio.io', kind: 'ServiceEntry' },
  { group: 'gateway.networking.k8s.io', kind: 'Gateway' },
  { group: 'gateway.networking.k8s.io', kind: 'GatewayClass' },
];

export type TargetRef = TypeOf<typeof targetRef>;

export interface Targets {
  readonly selector?: TypeOf<typeof workloadSelector> | undefined;
  readonly targetRef?: TargetRef | undefined;
  readonly targetRefs?: readonly TargetRef[] | undefined;
}

export function checkTargets(targets: Targets, path: string, findings: Findings): void {
  const refs = targets.targetRefs ?? [];
  const set = [targets.selector, targets.targetRef, refs.length > 0 ? refs : undefined].filter(
    (each) => each !== undefined,
  );
  if (set.length > 1) findings.error(path, 'conflict', 'only one of selector, targetRef and targetRefs is possible');
  checkSelector(targets.selector, `${path}.selector`, findings);
  if (targets.selector && Object.keys(targets.selector.matchLabels ?? {}).length === 0) {
    findings.warn(`${path}.selector`, 'no-labels', 'a selector without labels selects every workload of the namespace');
  }
  const all: [TargetRef, string][] = refs.map((ref, index) => [ref, joinPath(`${path}.targetRefs`, index)]);
  if (targets.targetRef) all.push([targets.targetRef, `${path}.targetRef`]);
  for (const [ref, at] of all) {
    if (ref.namespace)
      findings.error(
        `${at}.namespace`,
        'cross-namespace',
        'must be empty: the target is in the namespace of the policy',
      );
    const group = ref.group === 'core' ? '' : (ref.group ?? '');
    if (!ALLOWED.some((each) => each.group === group && each.kind === ref.kind)) {
      const names = ALLOWED.map((each) => `${each.group || 'core'}/${each.kind}`).join(', ');
      findings.error(at, 'bad-target', `must be one of ${names}, got ${group || 'core'}/${ref.kind}`);
    }
  }
}
