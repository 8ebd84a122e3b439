// Rules across the fields of AuthorizationPolicy that Istio's webhook checks.
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationPolicySpec,
  AuthorizationSource,
} from './authorization-policy-spec.ts';
import type { Findings } from './findings.ts';
import { isDnsLabel, isIpOrCidr } from './hosts.ts';
import { joinPath, nearestName } from './problem.ts';
import { checkTargets } from './target-ref.ts';

const CUSTOM_WITHOUT = [
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
] as const;
const CUSTOM_KEYS = ['source.namespace', 'source.serviceAccount', 'source.trustDomain', 'source.principal'];
const TCP_SOURCES = [
  'principals',
  'notPrincipals',
  'ipBlocks',
  'notIpBlocks',
  'namespaces',
  'notNamespaces',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
  'serviceAccounts',
  'notServiceAccounts',
] as const;

export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec, path: string, findings: Findings): void {
  const action = spec.action ?? 'ALLOW';
  checkTargets(spec, path, findings);
  if ((action === 'CUSTOM' || action === 'DENY') && !spec.rules) {
    findings.error(
      `${path}.rules`,
      'required',
      `${action} without rules never happens`,
      'add an empty rule ({}) for every request',
    );
  }
  if (action === 'CUSTOM' && spec.rules && !spec.provider?.name)
    findings.error(`${path}.provider.name`, 'required', 'is required for CUSTOM');
  if (action !== 'CUSTOM' && spec.provider)
    findings.error(`${path}.provider`, 'conflict', `is not possible with action ${action}`, 'use action CUSTOM');
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    const at = joinPath(`${path}.rules`, index);
    if (rule.from?.length === 0)
      findings.error(`${at}.from`, 'required', 'must not be empty, leave it out to mean anybody');
    if (rule.to?.length === 0)
      findings.error(`${at}.to`, 'required', 'must not be empty, leave it out to mean anything');
    for (const [number, { source }] of (rule.from ?? []).entries())
      checkSource(source, `${joinPath(`${at}.from`, number)}.source`, findings, action);
    for (const [number, { operation }] of (rule.to ?? []).entries())
      checkOperation(operation, `${joinPath(`${at}.to`, number)}.operation`, findings);
    for (const [number, condition] of (rule.when ?? []).entries())
      checkCondition(condition, joinPath(`${at}.when`, number), findings, action);
    if (action === 'DENY') warnOfTcp(rule, at, findings);
  }
}

function checkSource(source: AuthorizationSource | undefined, path: string, findings: Findings, action: string): void {
  if (!source || !Object.values(source).some((list) => (list ?? []).length > 0)) {
    findings.error(path, 'required', 'needs at least one field with a value');
    return;
  }
  for (const [name, values] of Object.entries(source)) checkEmpty(values, `${path}.${name}`, findings);
  for (const name of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const) {
    for (const [index, block] of (source[name] ?? []).entries()) {
      if (block !== '' && !isIpOrCidr(block))
        findings.error(joinPath(`${path}.${name}`, index), 'bad-address', `"${block}" is not an address or CIDR`);
    }
  }
  for (const name of ['serviceAccounts', 'notServiceAccounts'] as const) {
    for (const [index, account] of (source[name] ?? []).entries()) {
      const parts = account.split('/');
      if (account.includes('*') || parts.length > 2 || parts.some((part) => part === '')) {
        findings.error(
          joinPath(`${path}.${name}`, index),
          'bad-name',
          `"${account}" must be <namespace>/<service account> or <service account>, without wildcard`,
        );
      }
    }
  }
  const accounts = (source.serviceAccounts ?? []).length + (source.notServiceAccounts ?? []).length > 0;
  const others = (['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const).filter(
    (name) => (source[name] ?? []).length > 0,
  );
  if (accounts && others.length > 0)
    findings.error(path, 'conflict', `service accounts are not possible together with ${others.join(', ')}`);
  if (action !== 'CUSTOM') return;
  for (const name of CUSTOM_WITHOUT) {
    if ((source[name] ?? []).length > 0)
      findings.error(`${path}.${name}`, 'unsupported', 'is not supported with action CUSTOM');
  }
}

function checkOperation(operation: AuthorizationOperation | undefined, path: string, findings: Findings): void {
  if (!operation || !Object.values(operation).some((list) => (list ?? []).length > 0)) {
    findings.error(path, 'required', 'needs at least one field with a value');
    return;
  }
  for (const [name, values] of Object.entries(operation)) checkEmpty(values, `${path}.${name}`, findings);
  for (const name of ['ports', 'notPorts'] as const) {
    for (const [index, port] of (operation[name] ?? []).entries())
      checkPortText(port, joinPath(`${path}.${name}`, index), findings);
  }
  for (const name of ['paths', 'notPaths'] as const) {
    for (const [index, template] of (operation[name] ?? []).entries())
      checkPathTemplate(template, joinPath(`${path}.${name}`, index), findings);
  }
}

function checkEmpty(values: readonly string[] | undefined, path: string, findings: Findings): void {
  for (const [index, value] of (values ?? []).entries())
    if (value === '') findings.error(joinPath(path, index), 'empty-value', 'must not be empty');
}

function checkPortText(port: string, path: string, findings: Findings): void {
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535)
    findings.error(path, 'bad-port', `port must be a number in 1..65535, got "${port}"`);
}

/** `{*}` stands for one whole segment; `{**}` for the rest, last and once. Templates take no other wildcard. */
function checkPathTemplate(template: string, path: string, findings: Findings): void {
  if (!template.includes('{*}') && !template.includes('{**}')) return;
  const segments = template.split('/').slice(1);
  const fault = !template.startsWith('/')
    ? 'must begin with "/"'
    : segments.some((segment) => segment !== '{*}' && segment !== '{**}' && /[*{}]/.test(segment))
      ? '{*} and {**} must be whole segments, and no other wildcard may be used with them'
      : segments.slice(0, -1).includes('{**}')
        ? '{**} must be the last segment'
        : undefined;
  if (fault) findings.error(path, 'bad-path-template', `"${template}": ${fault}`);
}

const PLAIN_KEYS = [
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.serviceAccount',
  'source.trustDomain',
  'source.principal',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'destination.ip',
  'destination.port',
  'connection.sni',
];

function checkCondition(condition: AuthorizationCondition, path: string, findings: Findings, action: string): void {
  const { key } = condition;
  const values = [...(condition.values ?? []), ...(condition.notValues ?? [])];
  if (key === '') findings.error(`${path}.key`, 'required', 'must not be empty');
  else if (values.length === 0) findings.error(path, 'required', `needs values or notValues for key ${key}`);
  else checkAttribute(key, values, path, findings);
  if (action === 'CUSTOM' && (CUSTOM_KEYS.includes(key) || key.startsWith('request.auth.'))) {
    findings.error(`${path}.key`, 'unsupported', `${key} is not supported with action CUSTOM`);
  }
}

function checkAttribute(key: string, values: readonly string[], path: string, findings: Findings): void {
  const bracketed =
    /^(request\.headers|request\.auth\.claims|experimental\.envoy\.filters\.[\w.-]+)(\[[^\]]+\])+$/.exec(key);
  if (bracketed) {
    if (key.startsWith('request.headers') && !/^request\.headers\[[-_A-Za-z0-9:!#$%&'*+.^`|~]+\]$/.test(key)) {
      findings.error(`${path}.key`, 'bad-header', `"${key}" does not name one header, as in request.headers[x-token]`);
    }
    return;
  }
  if (!PLAIN_KEYS.includes(key)) {
    const nearest = nearestName(key, PLAIN_KEYS);
    findings.error(
      `${path}.key`,
      'unknown-key',
      `unknown key "${key}"`,
      nearest
        ? `did you mean ${nearest}?`
        : `valid are ${PLAIN_KEYS.join(', ')}, request.headers[...], request.auth.claims[...]`,
    );
    return;
  }
  for (const value of values) {
    if ((key === 'source.ip' || key === 'remote.ip' || key === 'destination.ip') && !isIpOrCidr(value)) {
      findings.error(path, 'bad-address', `"${value}" is not an address or CIDR`);
    }
    if (key === 'destination.port') checkPortText(value, path, findings);
    if (key === 'source.namespace' && !isDnsLabel(value.replaceAll('*', '')) && value !== '*') {
      findings.error(path, 'bad-namespace', `"${value}" is not a namespace`);
    }
  }
}

/** A DENY rule of HTTP attributes alone denies all TCP in its scope: the attributes do not exist there, and the rest matches. */
function warnOfTcp(
  rule: NonNullable<AuthorizationPolicySpec['rules']>[number],
  path: string,
  findings: Findings,
): void {
  const from = (rule.from ?? []).flatMap(({ source }) => (source ? [source] : []));
  const to = (rule.to ?? []).flatMap(({ operation }) => (operation ? [operation] : []));
  const tcpFrom = from.some((source) => TCP_SOURCES.some((name) => source[name] !== undefined));
  const tcpTo = to.some((operation) => operation.ports !== undefined || operation.notPorts !== undefined);
  if ((from.length > 0 && to.length === 0 && !tcpFrom) || (to.length > 0 && !tcpTo)) {
    findings.warn(
      path,
      'denies-tcp',
      'denies all traffic to TCP ports in its scope, since it has only HTTP attributes',
      'name the port in to.operation.ports',
    );
  }
}
