// Envoy's role-based access control (envoy.config.rbac.v3.RBAC) as predicates: who may do what, decided per request or connection.
// Pure. A rule of a kind that is not supported is an error at compile time, never a rule that silently matches or does not.
import { type Address, inRange, parseAddress, parseRange, type RangeInput } from './addresses.ts';
import type { HeaderMatcher, StringMatcher } from './config.ts';
import { compileHeader } from './headers.ts';
import { type MatchRequest, pathOf } from './request.ts';
import { compileString } from './strings.ts';

/** The certificate that the peer showed in mutual TLS. */
export interface RbacPeer {
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly subject: string;
}

/** What rules read of a request, or of a connection where `http` is undefined. */
export interface RbacInput {
  readonly http: MatchRequest | undefined;
  readonly peer: RbacPeer | undefined;
  /** Address of the other end of the connection. */
  readonly directRemoteIp: string;
  /** Address of the original client, as far as proxies on the way tell. */
  readonly remoteIp: string;
  readonly localIp: string;
  readonly localPort: number;
  readonly serverName: string | undefined;
  /** Dynamic metadata of a filter; undefined where there is none. */
  metadata?(filter: string, path: readonly string[]): unknown;
}

export interface ValueMatcherConfig {
  readonly stringMatch?: StringMatcher | undefined;
  readonly presentMatch?: boolean | undefined;
  readonly listMatch?: { readonly oneOf?: ValueMatcherConfig | undefined } | undefined;
}
interface MetadataConfig {
  readonly filter?: string | undefined;
  readonly path?: readonly { readonly key?: string | undefined }[] | undefined;
  readonly value?: ValueMatcherConfig | undefined;
  readonly invert?: boolean | undefined;
}
interface SharedRules {
  readonly any?: boolean | undefined;
  readonly header?: HeaderMatcher | undefined;
  readonly urlPath?: { readonly path?: StringMatcher | undefined } | undefined;
  readonly metadata?: MetadataConfig | undefined;
}
export interface PermissionConfig extends SharedRules {
  readonly andRules?: { readonly rules?: readonly PermissionConfig[] | undefined } | undefined;
  readonly orRules?: { readonly rules?: readonly PermissionConfig[] | undefined } | undefined;
  readonly notRule?: PermissionConfig | undefined;
  readonly destinationIp?: RangeInput | undefined;
  readonly destinationPort?: number | undefined;
  readonly destinationPortRange?:
    | { readonly start?: number | undefined; readonly end?: number | undefined }
    | undefined;
  readonly requestedServerName?: StringMatcher | undefined;
}
export interface PrincipalConfig extends SharedRules {
  readonly andIds?: { readonly ids?: readonly PrincipalConfig[] | undefined } | undefined;
  readonly orIds?: { readonly ids?: readonly PrincipalConfig[] | undefined } | undefined;
  readonly notId?: PrincipalConfig | undefined;
  readonly authenticated?: { readonly principalName?: StringMatcher | undefined } | undefined;
  readonly sourceIp?: RangeInput | undefined;
  readonly directRemoteIp?: RangeInput | undefined;
  readonly remoteIp?: RangeInput | undefined;
}
export interface RbacConfig {
  readonly action?: 'ALLOW' | 'DENY' | 'LOG' | number | undefined;
  readonly policies?:
    | Readonly<
        Record<
          string,
          {
            readonly permissions?: readonly PermissionConfig[] | undefined;
            readonly principals?: readonly PrincipalConfig[] | undefined;
            readonly condition?: object | undefined;
          }
        >
      >
    | undefined;
}

export interface RbacDecision {
  readonly allowed: boolean;
  /** Policy that matched; undefined where none did. */
  readonly policy: string | undefined;
}

type Test = (input: RbacInput, addresses: Addresses) => boolean;

/** Parsed once for each decision, when first asked for. */
class Addresses {
  readonly #input: RbacInput;
  readonly #known: Partial<Record<'directRemoteIp' | 'remoteIp' | 'localIp', Address | null>> = {};
  constructor(input: RbacInput) {
    this.#input = input;
  }
  get(name: 'directRemoteIp' | 'remoteIp' | 'localIp'): Address | null {
    const known = this.#known[name];
    if (known !== undefined) return known;
    const parsed = parseAddress(this.#input[name]) ?? null;
    this.#known[name] = parsed;
    return parsed;
  }
}

/** @throws Error that names a rule which is not supported or does not compile */
export function compileRbac(config: RbacConfig): { decide(input: RbacInput): RbacDecision } {
  const action =
    config.action === 1
      ? 'DENY'
      : config.action === 2
        ? 'LOG'
        : typeof config.action === 'string'
          ? config.action
          : 'ALLOW';
  const problems: string[] = [];
  const policies = Object.entries(config.policies ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => {
      if (policy.condition) throw new Error(`policy ${name}: conditions in CEL are not supported`);
      const permissions = (policy.permissions ?? []).map((each) => compilePermission(each, problems));
      const principals = (policy.principals ?? []).map((each) => compilePrincipal(each, problems));
      return { name, permissions, principals };
    });
  if (problems.length > 0) throw new Error(problems.join('; '));
  return {
    decide(input) {
      const addresses = new Addresses(input);
      const found = policies.find(
        ({ permissions, principals }) =>
          permissions.some((test) => test(input, addresses)) && principals.some((test) => test(input, addresses)),
      );
      const matched = found !== undefined;
      return { allowed: action === 'LOG' || (action === 'ALLOW' ? matched : !matched), policy: found?.name };
    },
  };
}

const not =
  (test: Test): Test =>
  (input, addresses) =>
    !test(input, addresses);
const every =
  (tests: readonly Test[]): Test =>
  (input, addresses) =>
    tests.every((test) => test(input, addresses));
const some =
  (tests: readonly Test[]): Test =>
  (input, addresses) =>
    tests.some((test) => test(input, addresses));

function compilePermission(rule: PermissionConfig, problems: string[]): Test {
  const shared = compileShared(rule, problems);
  if (shared) return shared;
  if (rule.andRules) return every((rule.andRules.rules ?? []).map((each) => compilePermission(each, problems)));
  if (rule.orRules) return some((rule.orRules.rules ?? []).map((each) => compilePermission(each, problems)));
  if (rule.notRule) return not(compilePermission(rule.notRule, problems));
  if (rule.destinationIp) return compileRange(rule.destinationIp, 'localIp');
  if (rule.destinationPort !== undefined) {
    const port = rule.destinationPort;
    return (input) => input.localPort === port;
  }
  if (rule.destinationPortRange) {
    const { start = 0, end = 0 } = rule.destinationPortRange;
    return (input) => input.localPort >= start && input.localPort < end;
  }
  if (rule.requestedServerName) {
    const { test } = compileString(rule.requestedServerName, problems);
    return (input) => test(input.serverName ?? '');
  }
  throw new Error(`permission ${Object.keys(rule).join(', ') || '(empty)'} is not supported`);
}

function compilePrincipal(id: PrincipalConfig, problems: string[]): Test {
  const shared = compileShared(id, problems);
  if (shared) return shared;
  if (id.andIds) return every((id.andIds.ids ?? []).map((each) => compilePrincipal(each, problems)));
  if (id.orIds) return some((id.orIds.ids ?? []).map((each) => compilePrincipal(each, problems)));
  if (id.notId) return not(compilePrincipal(id.notId, problems));
  if (id.authenticated) return compileAuthenticated(id.authenticated.principalName, problems);
  if (id.directRemoteIp) return compileRange(id.directRemoteIp, 'directRemoteIp');
  if (id.sourceIp) return compileRange(id.sourceIp, 'remoteIp');
  if (id.remoteIp) return compileRange(id.remoteIp, 'remoteIp');
  throw new Error(`principal ${Object.keys(id).join(', ') || '(empty)'} is not supported`);
}

/** URI names first, then DNS names, then the subject: the first kind that the certificate has is compared. */
function compileAuthenticated(name: StringMatcher | undefined, problems: string[]): Test {
  if (!name) return (input) => input.peer !== undefined;
  const { test } = compileString(name, problems);
  return ({ peer }) => {
    if (!peer) return false;
    if (peer.uriSans.length > 0) return peer.uriSans.some(test);
    if (peer.dnsSans.length > 0) return peer.dnsSans.some(test);
    return test(peer.subject);
  };
}

function compileShared(rule: SharedRules, problems: string[]): Test | undefined {
  if (rule.any !== undefined) {
    const any = rule.any;
    return () => any;
  }
  if (rule.header) {
    const condition = compileHeader(rule.header, problems);
    return ({ http }) => http !== undefined && condition.holds(http, '', 0);
  }
  if (rule.urlPath) {
    const { test } = compileString(rule.urlPath.path ?? {}, problems);
    return ({ http }) => http !== undefined && http.path !== '' && test(pathOf(http.path));
  }
  if (rule.metadata) return compileMetadata(rule.metadata, problems);
  return undefined;
}

function compileMetadata(config: MetadataConfig, problems: string[]): Test {
  const path = (config.path ?? []).map((each) => each.key ?? '');
  const test = compileValue(config.value ?? {}, problems);
  const invert = config.invert === true;
  return (input) => test(input.metadata?.(config.filter ?? '', path)) !== invert;
}

function compileValue(config: ValueMatcherConfig, problems: string[]): (value: unknown) => boolean {
  if (config.stringMatch) {
    const { test } = compileString(config.stringMatch, problems);
    return (value) => typeof value === 'string' && test(value);
  }
  if (config.presentMatch !== undefined) {
    const wanted = config.presentMatch;
    return (value) => (value !== undefined) === wanted;
  }
  if (config.listMatch) {
    const test = compileValue(config.listMatch.oneOf ?? {}, problems);
    return (value) => Array.isArray(value) && value.some(test);
  }
  throw new Error(`metadata value ${Object.keys(config).join(', ') || '(empty)'} is not supported`);
}

function compileRange(config: RangeInput, name: 'directRemoteIp' | 'remoteIp' | 'localIp'): Test {
  const range = parseRange(config);
  return (_input, addresses) => {
    const address = addresses.get(name);
    return address !== null && inRange(address, range);
  };
}
