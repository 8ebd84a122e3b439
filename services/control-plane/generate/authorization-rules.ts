// One rule of an AuthorizationPolicy -> one RBAC policy: its operations are permissions, its sources are principals.
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationRule,
  AuthorizationSource,
} from '#api/authorization-policy.ts';
import type { CidrRange, MatcherStringMatcher, RbacPermission, RbacPolicy, RbacPrincipal } from '#wire/xds.ts';

export type Layer = 'http' | 'tcp';

export interface RuleContext {
  readonly namespace: string;
  readonly layer: Layer;
  readonly isAllow: boolean;
  readonly trustDomain: string;
}

type Values = readonly string[] | undefined;

const ANY = { any: true } as const;
const and = {
  permission: (rules: readonly RbacPermission[]): RbacPermission =>
    rules.length === 0 ? ANY : { andRules: { rules } },
  principal: (ids: readonly RbacPrincipal[]): RbacPrincipal => (ids.length === 0 ? ANY : { andIds: { ids } }),
};

/** undefined where the rule cannot hold for connections: an ALLOW rule of HTTP attributes. Other actions keep what is left of it. */
export function toRbacPolicy(rule: AuthorizationRule, context: RuleContext): RbacPolicy | undefined {
  if (context.layer === 'tcp' && context.isAllow && usesHttp(rule)) return undefined;
  const conditions = (rule.when ?? []).filter((each) => context.layer === 'http' || !isHttpKey(each.key));
  const permissionConditions = conditions.flatMap(permissionCondition);
  const principalConditions = conditions.flatMap((each) => principalCondition(each, context));
  const operations = (rule.to ?? []).map(({ operation }) => [
    ...(operation ? operationRules(operation, context) : []),
    ...permissionConditions,
  ]);
  const sources = (rule.from ?? []).map(({ source }) => [
    ...(source ? sourceIds(source, context) : []),
    ...principalConditions,
  ]);
  return {
    permissions: (operations.length > 0 ? operations : [permissionConditions]).map(and.permission),
    principals: (sources.length > 0 ? sources : [principalConditions]).map(and.principal),
  };
}

const HTTP_OPERATIONS = ['hosts', 'notHosts', 'methods', 'notMethods', 'paths', 'notPaths'] as const;
const HTTP_SOURCES = ['requestPrincipals', 'notRequestPrincipals'] as const;
const isHttpKey = (key: string): boolean => key.startsWith('request.');

const usesHttp = (rule: AuthorizationRule): boolean =>
  (rule.to ?? []).some(({ operation }) => HTTP_OPERATIONS.some((name) => (operation?.[name] ?? []).length > 0)) ||
  (rule.from ?? []).some(({ source }) => HTTP_SOURCES.some((name) => (source?.[name] ?? []).length > 0)) ||
  (rule.when ?? []).some(({ key }) => isHttpKey(key));

/** One of the values, and none of those that must not be. */
function permissions(values: Values, notValues: Values, make: (value: string) => RbacPermission): RbacPermission[] {
  const wanted = values?.length ? [{ orRules: { rules: values.map(make) } }] : [];
  const unwanted = notValues?.length ? [{ notRule: { orRules: { rules: notValues.map(make) } } }] : [];
  return [...wanted, ...unwanted];
}

function principals(values: Values, notValues: Values, make: (value: string) => RbacPrincipal): RbacPrincipal[] {
  const wanted = values?.length ? [{ orIds: { ids: values.map(make) } }] : [];
  const unwanted = notValues?.length ? [{ notId: { orIds: { ids: notValues.map(make) } } }] : [];
  return [...wanted, ...unwanted];
}

function operationRules(operation: AuthorizationOperation, { layer }: RuleContext): RbacPermission[] {
  const ports = permissions(operation.ports, operation.notPorts, (port) => ({ destinationPort: Number(port) }));
  if (layer === 'tcp') return ports;
  return [
    ...permissions(operation.hosts, operation.notHosts, (host) => ({ header: headerOf(':authority', host, true) })),
    ...ports,
    ...permissions(operation.methods, operation.notMethods, (method) => ({ header: headerOf(':method', method) })),
    ...permissions(operation.paths, operation.notPaths, (path) => ({ urlPath: { path: pathMatcher(path) } })),
  ];
}

function sourceIds(source: AuthorizationSource, context: RuleContext): RbacPrincipal[] {
  return [
    ...principals(source.principals, source.notPrincipals, principalId),
    ...(context.layer === 'http'
      ? principals(source.requestPrincipals, source.notRequestPrincipals, requestPrincipalId)
      : []),
    ...principals(source.namespaces, source.notNamespaces, namespaceId),
    ...principals(source.serviceAccounts, source.notServiceAccounts, (each) =>
      serviceAccountId(each, context.namespace),
    ),
    ...principals(source.trustDomains, source.notTrustDomains, trustDomainId),
    ...principals(source.ipBlocks, source.notIpBlocks, (block) => ({ directRemoteIp: cidr(block) })),
    ...principals(source.remoteIpBlocks, source.notRemoteIpBlocks, (block) => ({ remoteIp: cidr(block) })),
  ];
}

function permissionCondition({ key, values, notValues }: AuthorizationCondition): RbacPermission[] {
  if (key === 'destination.ip') return permissions(values, notValues, (each) => ({ destinationIp: cidr(each) }));
  if (key === 'destination.port') return permissions(values, notValues, (each) => ({ destinationPort: Number(each) }));
  if (key === 'connection.sni')
    return permissions(values, notValues, (each) => ({ requestedServerName: stringMatcher(each) }));
  return [];
}

function principalCondition({ key, values, notValues }: AuthorizationCondition, context: RuleContext): RbacPrincipal[] {
  const make = principalMaker(key, context);
  return make ? principals(values, notValues, make) : [];
}

function principalMaker(key: string, context: RuleContext): ((value: string) => RbacPrincipal) | undefined {
  switch (key) {
    case 'source.ip':
      return (value) => ({ directRemoteIp: cidr(value) });
    case 'remote.ip':
      return (value) => ({ remoteIp: cidr(value) });
    case 'source.namespace':
      return namespaceId;
    case 'source.principal':
      return principalId;
    case 'source.serviceAccount':
      return (value) => serviceAccountId(value, context.namespace);
    case 'source.trustDomain':
      return trustDomainId;
    case 'request.auth.principal':
      return requestPrincipalId;
    case 'request.auth.audiences':
      return (value) => claimId(['aud'], value, true);
    case 'request.auth.presenter':
      return (value) => claimId(['azp'], value, false);
    default:
  }
  const header = /^request\.headers\[([^\]]+)\]$/.exec(key);
  if (header) return (value) => ({ header: headerOf(header[1]!.toLowerCase(), value) });
  if (!key.startsWith('request.auth.claims')) return undefined;
  const claims = [...key.matchAll(/\[([^\]]+)\]/g)].map((each) => each[1]!);
  return (value) => claimId(claims, value, true);
}

/** exact, `prefix*`, `*suffix`, `*` (any value but none). */
function stringMatcher(value: string, lead = '', ignoreCase = false): MatcherStringMatcher {
  const fold = ignoreCase ? { ignoreCase: true } : {};
  if (value === '*') return { safeRegex: { regex: '.+' } };
  if (value.startsWith('*')) return { suffix: value.slice(1), ...fold };
  if (value.endsWith('*')) return { prefix: lead + value.slice(0, -1), ...fold };
  return { exact: lead + value, ...fold };
}

const headerOf = (name: string, value: string, ignoreCase = false) =>
  value === '*' ? { name, presentMatch: true } : { name, stringMatch: stringMatcher(value, '', ignoreCase) };

/** `{*}` is one segment, `{**}` the rest. */
function pathMatcher(path: string): MatcherStringMatcher {
  if (!path.includes('{*}') && !path.includes('{**}')) return stringMatcher(path);
  const segments = path
    .split('/')
    .map((segment) => (segment === '{*}' ? '[^/]+' : segment === '{**}' ? '.*' : quote(segment)));
  return { safeRegex: { regex: segments.join('/') } };
}

const quote = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
const wildcard = (text: string): string => text.split('*').map(quote).join('.*');
const byName = (principalName: MatcherStringMatcher): RbacPrincipal => ({ authenticated: { principalName } });
const byRegex = (regex: string): RbacPrincipal => byName({ safeRegex: { regex } });

const principalId = (value: string): RbacPrincipal => byName(stringMatcher(value, 'spiffe://'));
const namespaceId = (value: string): RbacPrincipal => byRegex(`.*/ns/${wildcard(value)}/.*`);
const trustDomainId = (value: string): RbacPrincipal => byRegex(`spiffe://${wildcard(value)}/.*`);

function serviceAccountId(value: string, namespace: string): RbacPrincipal {
  const slash = value.indexOf('/');
  const of = slash < 0 ? namespace : value.slice(0, slash);
  return byRegex(`spiffe://.+/ns/${quote(of)}/(.+/|)sa/${quote(value.slice(slash + 1))}(/.+)?`);
}

/** `<issuer>/<subject>`; `*` for any. */
function requestPrincipalId(value: string): RbacPrincipal {
  if (value === '*') return { andIds: { ids: [claimId(['iss'], '*', false), claimId(['sub'], '*', false)] } };
  const slash = value.lastIndexOf('/');
  return {
    andIds: { ids: [claimId(['iss'], value.slice(0, slash), false), claimId(['sub'], value.slice(slash + 1), false)] },
  };
}

function claimId(claims: readonly string[], value: string, isList: boolean): RbacPrincipal {
  const one = { stringMatch: stringMatcher(value) };
  return {
    metadata: {
      filter: 'envoy.filters.http.jwt_authn',
      path: ['payload', ...claims].map((key) => ({ key })),
      value: isList ? { listMatch: { oneOf: one } } : one,
    },
  };
}

function cidr(block: string): CidrRange {
  const slash = block.indexOf('/');
  const addressPrefix = slash < 0 ? block : block.slice(0, slash);
  const length = slash < 0 ? (block.includes(':') ? 128 : 32) : Number(block.slice(slash + 1));
  return { addressPrefix, prefixLen: { value: length } };
}
