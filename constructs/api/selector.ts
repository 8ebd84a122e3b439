// Workload selectors as the security APIs and DestinationRule write them.
import type { Findings } from './findings.ts';
import { joinPath } from './problem.ts';
import { map, object, string, type TypeOf } from './schema.ts';

export const workloadSelector = object('Which workloads of the namespace; in the root namespace, of every namespace.', {
  matchLabels: map(
    'Labels that a pod must have, all of them.',
    string('Value of the label.', {
      maxLength: 63,
      'x-kubernetes-validations': [
        { message: 'wildcard not allowed in label value match', rule: '!self.contains("*")' },
      ],
    }),
    {
      maxProperties: 4096,
      'x-kubernetes-validations': [
        { message: 'wildcard not allowed in label key match', rule: 'self.all(key, !key.contains("*"))' },
        { message: 'key must not be empty', rule: 'self.all(key, key.size() != 0)' },
      ],
    },
  ),
});

export type WorkloadSelector = TypeOf<typeof workloadSelector>;

export function checkSelector(selector: WorkloadSelector | undefined, path: string, findings: Findings): void {
  for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) {
    const at = joinPath(`${path}.matchLabels`, key);
    if (key === '') findings.error(at, 'bad-label', 'the key of a label must not be empty');
    if (key.includes('*') || value.includes('*'))
      findings.error(at, 'bad-label', `wildcards are not supported in selectors, got "${key}: ${value}"`);
  }
}
