// Rules across the fields of DestinationRule that Istio's webhook checks.
import type { Findings } from './findings.ts';
import type { RuleContext } from './kind.ts';
import type { DestinationRuleSpec } from './destination-rule-spec.ts';

export function checkDestinationRule(
  _spec: DestinationRuleSpec,
  _path: string,
  _findings: Findings,
  _context: RuleContext,
): void {}
