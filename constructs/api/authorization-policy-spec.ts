// AuthorizationPolicy: schema and types.
import { array, object, oneOf, string, type TypeOf } from './schema.ts';
import { oneTarget, targetFields } from './target-ref.ts';

const list = (description: string) => array(description, string('Exact value, `prefix*`, `*suffix` or `*`.'));
const accounts = (description: string) =>
  array(description, string('`<namespace>/<service account>` or `<service account>`.', { maxLength: 320 }), {
    maxItems: 16,
  });

const source = object(
  'Who calls; all fields that are set must match.',
  {
    ipBlocks: list('Addresses or CIDRs of the direct peer.'),
    namespaces: list('Namespaces of the caller.'),
    notIpBlocks: list('Addresses or CIDRs that the direct peer must not have.'),
    notNamespaces: list('Namespaces that the caller must not be of.'),
    notPrincipals: list('Identities that the caller must not have.'),
    notRemoteIpBlocks: list('Addresses or CIDRs that the original client must not have.'),
    notRequestPrincipals: list('`<issuer>/<subject>` that the JWT must not have.'),
    notServiceAccounts: accounts('Service accounts that the caller must not have.'),
    notTrustDomains: list('Trust domains that the caller must not be of.'),
    principals: list('Identities of the caller, without `spiffe://`.'),
    remoteIpBlocks: list('Addresses or CIDRs of the original client.'),
    requestPrincipals: list('`<issuer>/<subject>` of the JWT.'),
    serviceAccounts: accounts('Service accounts of the caller.'),
    trustDomains: list('Trust domains of the caller.'),
  },
  {
    rules: [
      {
        message: 'Cannot set serviceAccounts with namespaces or principals',
        rule: '(has(self.serviceAccounts) || has(self.notServiceAccounts)) ? (!has(self.principals) &&\n!has(self.notPrincipals) && !has(self.namespaces) && !has(self.notNamespaces)) : true',
      },
    ],
  },
);

const operation = object('What is called; all fields that are set must match.', {
  hosts: list('Hosts of the request, without regard to case.'),
  methods: list('Methods.'),
  notHosts: list('Hosts that the request must not have.'),
  notMethods: list('Methods that the request must not have.'),
  notPaths: list('Paths that the request must not have.'),
  notPorts: list('Ports that the request must not be for.'),
  paths: list('Paths without query; `{*}` is one segment, `{**}` the rest.'),
  ports: list('Ports of the workload.'),
});

const condition = object(
  'A further condition on an attribute.',
  {
    key: string('Attribute, e.g. `request.headers[x-token]`, `source.ip`, `request.auth.claims[iss]`.'),
    notValues: list('Values that the attribute must not have.'),
    values: list('Values of the attribute.'),
  },
  { required: ['key'] },
);

const rule = object('Matches where a source, an operation and all conditions match.', {
  from: array('Alternatives for the caller; none means anybody.', object('A caller.', { source }), { maxItems: 512 }),
  to: array('Alternatives for the operation; none means anything.', object('An operation.', { operation })),
  when: array('Conditions, all of which must hold.', condition),
});

export const authorizationPolicySpec = object(
  'Who may do what with workloads.',
  {
    action: oneOf('What happens to requests that match a rule.', ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']),
    provider: object('External authoriser, for CUSTOM.', { name: string('Name in the mesh configuration.') }),
    rules: array('Alternatives; none never matches, an empty one always.', rule, { maxItems: 512 }),
    ...targetFields,
  },
  { exclusive: [['provider']], rules: [oneTarget] },
);

export type AuthorizationPolicySpec = TypeOf<typeof authorizationPolicySpec>;
export type AuthorizationRule = TypeOf<typeof rule>;
export type AuthorizationSource = TypeOf<typeof source>;
export type AuthorizationOperation = TypeOf<typeof operation>;
export type AuthorizationCondition = TypeOf<typeof condition>;
export type AuthorizationAction = NonNullable<AuthorizationPolicySpec['action']>;
