// Rules across the fields of DestinationRule that Istio's webhook checks.
import { checkExportTo, checkLabels, checkWildcardHost } from './checks.ts';
import type { DestinationRuleSpec } from './destination-rule-spec.ts';
import type { Findings } from './findings.ts';
import { isDnsLabel } from './hosts.ts';
import type { RuleContext } from './kind.ts';
import { joinPath } from './problem.ts';
import { checkSelector } from './selector.ts';
import { checkTrafficPolicy } from './traffic-policy-rules.ts';

export function checkDestinationRule(
  spec: DestinationRuleSpec,
  path: string,
  findings: Findings,
  context: RuleContext,
): void {
  const { namespace } = context;
  checkWildcardHost(spec.host, `${path}.host`, findings);
  checkTrafficPolicy(spec.trafficPolicy, `${path}.trafficPolicy`, findings, namespace);
  const names = new Set<string>();
  for (const [index, subset] of (spec.subsets ?? []).entries()) {
    const at = joinPath(`${path}.subsets`, index);
    if (!isDnsLabel(subset.name))
      findings.error(
        `${at}.name`,
        'bad-name',
        `"${subset.name}" is not a valid name of a subset: letters, digits and inner hyphens, at most 63`,
      );
    else if (names.has(subset.name))
      findings.error(`${at}.name`, 'duplicate', `subset "${subset.name}" is defined twice`);
    names.add(subset.name);
    checkLabels(subset.labels, `${at}.labels`, findings);
    checkTrafficPolicy(subset.trafficPolicy, `${at}.trafficPolicy`, findings, namespace);
  }
  const selected = spec.workloadSelector !== undefined;
  checkExportTo(spec.exportTo, `${path}.exportTo`, findings, { namespace, ownNamespaceOnly: selected });
  checkSelector(spec.workloadSelector, `${path}.workloadSelector`, findings);
}
