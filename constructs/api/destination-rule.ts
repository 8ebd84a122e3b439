// DestinationRule: the kind. Its schema and types are in destination-rule-spec.ts, its rules across fields in destination-rule-rules.ts.
import { defineKind } from './kind.ts';
import { checkDestinationRule } from './destination-rule-rules.ts';
import { type DestinationRuleSpec, destinationRuleSpec } from './destination-rule-spec.ts';

export type * from './destination-rule-spec.ts';

/** @see https://istio.io/latest/docs/reference/config/networking/destination-rule/ */
export const destinationRule = defineKind<DestinationRuleSpec>({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'DestinationRule',
  plural: 'destinationrules',
  shortNames: ['dr'],
  columns: [{ name: 'Host', type: 'string', jsonPath: '.spec.host', description: 'The service that the rule is for' }],
  spec: destinationRuleSpec,
  rules: checkDestinationRule,
});
