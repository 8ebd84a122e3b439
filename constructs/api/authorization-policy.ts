// AuthorizationPolicy: the kind. Its schema and types are in authorization-policy-spec.ts, its rules in authorization-policy-rules.ts.
import { checkAuthorizationPolicy } from './authorization-policy-rules.ts';
import { type AuthorizationPolicySpec, authorizationPolicySpec } from './authorization-policy-spec.ts';
import { defineKind } from './kind.ts';

export type * from './authorization-policy-spec.ts';

/** @see https://istio.io/latest/docs/reference/config/security/authorization-policy/ */
export const authorizationPolicy = defineKind<AuthorizationPolicySpec>({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  shortNames: ['ap'],
  columns: [
    { name: 'Action', type: 'string', jsonPath: '.spec.action', description: 'What happens to requests that match' },
  ],
  spec: authorizationPolicySpec,
  rules: checkAuthorizationPolicy,
});
