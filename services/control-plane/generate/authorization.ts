// AuthorizationPolicies of a workload -> RBAC filters, in Istio's order: audit, deny, allow.
// CUSTOM needs an external authoriser, which there is none of: what such a policy matches is denied.
import { Annotation } from '#api/names.ts';
import type { AuthorizationAction, AuthorizationPolicySpec } from '#api/authorization-policy.ts';
import { type HttpFilter, type ListenerFilterConfig, packAny, type RbacPolicy, type RbacRules } from '#wire/xds.ts';
import type { Model } from '../model/build.ts';
import type { Resource } from '../model/resources.ts';
import { type Layer, toRbacPolicy } from './authorization-rules.ts';
import type { ProxyNode } from './proxy-node.ts';
import { extension } from './values.ts';

type Policy = Resource<AuthorizationPolicySpec>;

export const httpAuthorization = (model: Model, proxy: ProxyNode): HttpFilter[] =>
  rulesOf(model, proxy, 'http').map((each) =>
    extension('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', each),
  );

export const tcpAuthorization = (model: Model, proxy: ProxyNode): ListenerFilterConfig[] =>
  rulesOf(model, proxy, 'tcp').map((each) => ({
    name: 'envoy.filters.network.rbac',
    typedConfig: packAny('envoy.extensions.filters.network.rbac.v3.RBAC', { ...each, statPrefix: 'tcp.' }),
  }));

interface FilterRules {
  readonly rules?: RbacRules;
  readonly shadowRules?: RbacRules;
  readonly shadowRulesStatPrefix?: string;
}

function rulesOf(model: Model, proxy: ProxyNode, layer: Layer): FilterRules[] {
  const policies = policiesFor(model, proxy);
  const of = (...actions: AuthorizationAction[]) =>
    policies.filter((each) => actions.includes(each.spec.action ?? 'ALLOW'));
  return [
    ...filterOf(model, of('CUSTOM'), 'DENY', layer),
    ...filterOf(model, of('AUDIT'), 'LOG', layer),
    ...filterOf(model, of('DENY'), 'DENY', layer),
    ...filterOf(model, of('ALLOW'), 'ALLOW', layer),
  ];
}

/** Policies of the root namespace and the workload's own whose selector fits. Those with targetRefs are for waypoints and Gateway API. */
function policiesFor(model: Model, proxy: ProxyNode): Policy[] {
  const labels = model.pods.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  return model.authorizationPolicies.filter(({ metadata, spec }) => {
    const namespace = metadata.namespace ?? 'default';
    if (namespace !== model.mesh.rootNamespace && namespace !== proxy.namespace) return false;
    if (spec.targetRef || (spec.targetRefs ?? []).length > 0) return false;
    return Object.entries(spec.selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  });
}

function filterOf(
  model: Model,
  policies: readonly Policy[],
  action: 'ALLOW' | 'DENY' | 'LOG',
  layer: Layer,
): FilterRules[] {
  const isDry = ({ metadata }: Policy): boolean =>
    /^(1|t|true)$/i.test(metadata.annotations?.[Annotation.dryRun] ?? '');
  const enforced = policies.filter((each) => !isDry(each));
  const dry = policies.filter(isDry);
  // An ALLOW policy without rules matches nothing: its filter stays, and denies everything.
  const needed = (some: readonly Policy[]): boolean => some.length > 0;
  if (!needed(enforced) && !needed(dry)) return [];
  return [
    {
      ...(needed(enforced) ? { rules: { action, policies: policiesOf(model, enforced, action, layer) } } : {}),
      ...(needed(dry)
        ? {
            shadowRules: { action, policies: policiesOf(model, dry, action, layer) },
            shadowRulesStatPrefix: `istio_dry_run_${action.toLowerCase()}_`,
          }
        : {}),
    },
  ];
}

function policiesOf(
  model: Model,
  policies: readonly Policy[],
  action: 'ALLOW' | 'DENY' | 'LOG',
  layer: Layer,
): Record<string, RbacPolicy> {
  const result: Record<string, RbacPolicy> = {};
  for (const { metadata, spec } of policies) {
    const namespace = metadata.namespace ?? 'default';
    const suffix = spec.action === 'CUSTOM' ? '-deny-due-to-bad-CUSTOM-action' : '';
    for (const [index, rule] of (spec.rules ?? []).entries()) {
      const policy = toRbacPolicy(rule, {
        namespace,
        layer,
        isAllow: action === 'ALLOW',
        trustDomain: model.mesh.trustDomain,
      });
      if (policy) result[`ns[${namespace}]-policy[${metadata.name}]-rule[${index}]${suffix}`] = policy;
    }
  }
  return result;
}
