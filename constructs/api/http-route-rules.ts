// Rules across the fields of one HTTP rule of a VirtualService.
import {
  checkGatewayNames,
  checkHeaderOperation,
  checkHeaderValue,
  checkLabels,
  checkMatchHeaderName,
  checkPort,
  checkRegex,
  checkWildcardHost,
  isHeaderName,
} from './checks.ts';
import { tryDurationMs } from './duration.ts';
import type { Findings } from './findings.ts';
import { isDnsLabel } from './hosts.ts';
import { joinPath, nearestName } from './problem.ts';
import type {
  CorsPolicy,
  Destination,
  HeaderOperations,
  HttpFault,
  HttpMatchRequest,
  HttpRedirect,
  HttpRetry,
  HttpRewrite,
  HttpRoute,
  RouteDestination,
  StringMatch,
} from './virtual-service-spec.ts';

const MAX_BODY_BYTES = 1_000_000;
const LARGE_BODY_BYTES = 100_000;
const CORS_METHODS = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE', '*'];
/** Names of gRPC status codes, by their number. @see https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
export const GRPC_STATUS = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];
export const RETRY_ON = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

export function checkHttpRoute(route: HttpRoute, path: string, findings: Findings, isDelegate: boolean): void {
  checkConflicts(route, path, findings, isDelegate);
  for (const [index, match] of (route.match ?? []).entries())
    checkHttpMatch(match, joinPath(`${path}.match`, index), findings);
  checkHeaderOperations(route.headers, `${path}.headers`, findings);
  checkSingleAuthority(route, path, findings);
  checkCors(route.corsPolicy, `${path}.corsPolicy`, findings);
  checkFault(route.fault, `${path}.fault`, findings);
  checkMirrors(route, path, findings);
  checkRedirect(route.redirect, route.match, `${path}.redirect`, findings);
  checkDirectResponse(route.directResponse, `${path}.directResponse`, findings);
  checkRetries(route.retries, `${path}.retries`, findings);
  checkRewrite(route.rewrite, `${path}.rewrite`, findings);
  checkDestinations(route.route, `${path}.route`, findings);
}

function checkConflicts(route: HttpRoute, path: string, findings: Findings, isDelegate: boolean): void {
  const has = {
    route: (route.route ?? []).length > 0,
    redirect: !!route.redirect,
    directResponse: !!route.directResponse,
  };
  if (route.delegate && !isDelegate) {
    for (const name of ['redirect', 'route'] as const) {
      if (route[name] !== undefined)
        findings.error(`${path}.${name}`, 'conflict', `a rule with delegate must not have ${name}`);
    }
    return;
  }
  if (route.delegate) findings.error(`${path}.delegate`, 'conflict', 'a delegate (no hosts) must not delegate again');
  const answers = (['route', 'redirect', 'directResponse'] as const).filter((name) => has[name]);
  if (answers.length === 0) findings.error(path, 'required', 'needs one of route, redirect, directResponse');
  if (answers.length > 1)
    findings.error(
      path,
      'conflict',
      `only one of route, redirect, directResponse is possible, got ${answers.join(' and ')}`,
    );
  if (has.redirect || has.directResponse) {
    const answer = has.redirect ? 'redirect' : 'directResponse';
    for (const name of ['fault', 'rewrite'] as const) {
      if (route[name]) findings.error(`${path}.${name}`, 'conflict', `is not possible together with ${answer}`);
    }
  }
  if (route.mirror && (route.mirrors ?? []).length > 0)
    findings.error(`${path}.mirrors`, 'conflict', 'is not possible together with mirror');
}

function checkHttpMatch(match: HttpMatchRequest, path: string, findings: Findings): void {
  for (const [name, header] of Object.entries(match.headers ?? {})) {
    const at = joinPath(`${path}.headers`, name);
    checkMatchHeaderName(name, at, findings);
    checkStringMatch(header, at, findings, { star: true });
  }
  for (const [name, header] of Object.entries(match.withoutHeaders ?? {})) {
    const at = joinPath(`${path}.withoutHeaders`, name);
    checkMatchHeaderName(name, at, findings);
    checkStringMatch(header, at, findings, { star: true });
  }
  if (match.uri?.regex !== undefined) checkRegex(match.uri.regex, `${path}.uri.regex`, findings);
  for (const name of ['scheme', 'method', 'authority'] as const)
    checkStringMatch(match[name], `${path}.${name}`, findings, {});
  for (const [name, value] of Object.entries(match.queryParams ?? {})) {
    checkStringMatch(value, joinPath(`${path}.queryParams`, name), findings, { star: true });
  }
  if (match.port) checkPort(match.port, `${path}.port`, findings);
  checkLabels(match.sourceLabels, `${path}.sourceLabels`, findings);
  checkGatewayNames(match.gateways, `${path}.gateways`, findings);
  if (match.sourceNamespace && !isDnsLabel(match.sourceNamespace)) {
    findings.error(`${path}.sourceNamespace`, 'bad-namespace', `"${match.sourceNamespace}" is not a valid namespace`);
  }
}

/** `star`: the regex `*` is not RE2 and means presence. */
function checkStringMatch(
  match: StringMatch | undefined,
  path: string,
  findings: Findings,
  options: { star?: boolean },
): void {
  if (match?.prefix === '')
    findings.error(
      `${path}.prefix`,
      'empty-prefix',
      'must not be empty',
      'leave the condition empty ({}) to ask for presence',
    );
  if (match?.regex !== undefined && !(options.star && match.regex === '*'))
    checkRegex(match.regex, `${path}.regex`, findings);
}

export function checkHeaderOperations(headers: HeaderOperations | undefined, path: string, findings: Findings): void {
  for (const side of ['request', 'response'] as const) {
    const operations = headers?.[side];
    for (const kind of ['add', 'set'] as const) {
      for (const [name, value] of Object.entries(operations?.[kind] ?? {})) {
        const at = joinPath(`${path}.${side}.${kind}`, name);
        checkHeaderOperation(name, at, findings, side === 'request');
        checkHeaderValue(value, at, findings);
      }
    }
    for (const [index, name] of (operations?.remove ?? []).entries()) {
      checkHeaderOperation(name, joinPath(`${path}.${side}.remove`, index), findings, false);
    }
  }
}

function checkSingleAuthority(route: HttpRoute, path: string, findings: Findings): void {
  let current = route.rewrite?.authority;
  for (const kind of ['set', 'add'] as const) {
    for (const [name, value] of Object.entries(route.headers?.request?.[kind] ?? {})) {
      if (!['host', ':authority'].includes(name.toLowerCase())) continue;
      if (current)
        findings.error(
          joinPath(`${path}.headers.request.${kind}`, name),
          'conflict',
          `the authority is already set to "${current}"`,
        );
      current = value;
    }
  }
}

function checkCors(cors: CorsPolicy | undefined, path: string, findings: Findings): void {
  for (const [index, origin] of (cors?.allowOrigins ?? []).entries()) {
    const at = joinPath(`${path}.allowOrigins`, index);
    if (!(origin.exact || origin.prefix || origin.regex))
      findings.error(at, 'required', 'needs one of exact, prefix, regex');
    else if (origin.regex) checkRegex(origin.regex, `${at}.regex`, findings);
  }
  for (const [index, method] of (cors?.allowMethods ?? []).entries()) {
    if (!CORS_METHODS.includes(method))
      findings.error(
        joinPath(`${path}.allowMethods`, index),
        'unknown-value',
        `"${method}" is not a supported method`,
        `valid are ${CORS_METHODS.join(', ')}`,
      );
  }
  for (const name of ['allowHeaders', 'exposeHeaders'] as const) {
    for (const [index, header] of (cors?.[name] ?? []).entries()) {
      if (header !== '*' && !isHeaderName(header))
        findings.error(joinPath(`${path}.${name}`, index), 'bad-header', `"${header}" is not a valid name of a header`);
    }
  }
  const maxAgeMs = cors?.maxAge === undefined ? undefined : tryDurationMs(cors.maxAge);
  if (maxAgeMs !== undefined && maxAgeMs % 1000 !== 0)
    findings.error(`${path}.maxAge`, 'bad-duration', `must be whole seconds, got "${cors?.maxAge}"`);
}

function checkFault(fault: HttpFault | undefined, path: string, findings: Findings): void {
  if (!fault) return;
  const { abort, delay } = fault;
  if (!abort && !delay) findings.error(path, 'required', 'needs abort or delay');
  for (const [name, part] of [
    ['abort', abort],
    ['delay', delay],
  ] as const) {
    const value = part?.percentage?.value;
    if (value !== undefined && (value < 0 || value > 100 || (value > 0 && value < 0.0001))) {
      findings.error(`${path}.${name}.percentage.value`, 'bad-percent', `must be 0 or in 0.0001..100, got ${value}`);
    }
  }
  if (abort?.http2Error !== undefined)
    findings.error(`${path}.abort.http2Error`, 'unsupported', 'is not supported, use httpStatus or grpcStatus');
  if (abort?.httpStatus !== undefined) checkStatus(abort.httpStatus, `${path}.abort.httpStatus`, findings);
  if (abort?.grpcStatus !== undefined && !GRPC_STATUS.includes(abort.grpcStatus)) {
    const nearest = nearestName(abort.grpcStatus, GRPC_STATUS);
    findings.error(
      `${path}.abort.grpcStatus`,
      'unknown-value',
      `"${abort.grpcStatus}" is not a gRPC status`,
      nearest ? `did you mean ${nearest}?` : 'for example UNAVAILABLE',
    );
  }
  if (abort && abort.httpStatus === undefined && abort.grpcStatus === undefined && abort.http2Error === undefined) {
    findings.warn(`${path}.abort`, 'no-effect', 'has no effect without httpStatus or grpcStatus');
  }
  if (delay?.exponentialDelay !== undefined)
    findings.error(`${path}.delay.exponentialDelay`, 'unsupported', 'is not supported, use fixedDelay');
}

function checkStatus(status: number, path: string, findings: Findings): void {
  if (status < 200 || status > 599)
    findings.error(path, 'bad-status', `HTTP status must be in 200..599, got ${status}`);
}

function checkMirrors(route: HttpRoute, path: string, findings: Findings): void {
  if (route.mirror) checkDestination(route.mirror, `${path}.mirror`, findings);
  for (const name of ['mirrorPercent', 'mirror_percent'] as const)
    checkMirrorPercent(route[name], `${path}.${name}`, findings);
  checkMirrorPercent(route.mirrorPercentage?.value, `${path}.mirrorPercentage.value`, findings);
  for (const [index, mirror] of (route.mirrors ?? []).entries()) {
    const at = joinPath(`${path}.mirrors`, index);
    checkDestination(mirror.destination, `${at}.destination`, findings);
    checkMirrorPercent(mirror.percentage?.value, `${at}.percentage.value`, findings);
  }
}

function checkMirrorPercent(value: number | undefined | null, path: string, findings: Findings): void {
  if (typeof value === 'number' && (value < 0 || value > 100))
    findings.error(path, 'bad-percent', `must be in 0..100, got ${value}`);
}

function checkRedirect(
  redirect: HttpRedirect | undefined,
  matches: readonly HttpMatchRequest[] | undefined,
  path: string,
  findings: Findings,
): void {
  if (!redirect) return;
  if (redirect.uri && redirect.prefixRewrite)
    findings.error(path, 'conflict', 'only one of uri and prefixRewrite is possible');
  if (redirect.prefixRewrite && matches?.some((match) => match.uri && match.uri.prefix === undefined)) {
    findings.error(`${path}.prefixRewrite`, 'conflict', 'needs every uri match of the rule to be a prefix');
  }
  const says =
    redirect.uri ||
    redirect.prefixRewrite ||
    redirect.authority ||
    redirect.scheme ||
    redirect.port !== undefined ||
    redirect.derivePort !== undefined;
  if (!says) findings.error(path, 'required', 'needs uri, prefixRewrite, authority, scheme or port');
  if (redirect.redirectCode && (redirect.redirectCode < 300 || redirect.redirectCode > 399)) {
    findings.error(`${path}.redirectCode`, 'bad-status', `must be 3xx, got ${redirect.redirectCode}`);
  }
  if (redirect.scheme && redirect.scheme !== 'http' && redirect.scheme !== 'https') {
    findings.error(`${path}.scheme`, 'unknown-value', `must be http or https, got "${redirect.scheme}"`);
  }
  if (redirect.port) checkPort(redirect.port, `${path}.port`, findings);
}

function checkDirectResponse(response: HttpRoute['directResponse'], path: string, findings: Findings): void {
  if (!response) return;
  const { body } = response;
  const bytes =
    body?.string !== undefined
      ? new TextEncoder().encode(body.string).length
      : Math.floor(((body?.bytes?.length ?? 0) * 3) / 4);
  if (bytes > MAX_BODY_BYTES)
    findings.error(`${path}.body`, 'too-large', `must be at most ${MAX_BODY_BYTES} bytes, is ${bytes}`);
  else if (bytes > LARGE_BODY_BYTES)
    findings.warn(
      `${path}.body`,
      'too-large',
      `${bytes} bytes slow the control plane down, keep it below ${LARGE_BODY_BYTES}`,
    );
  checkStatus(response.status, `${path}.status`, findings);
}

export function checkRetries(retries: HttpRetry | undefined, path: string, findings: Findings): void {
  if (!retries) return;
  const attempts = retries.attempts ?? 0;
  if (attempts < 0) findings.error(`${path}.attempts`, 'out-of-range', `must be at least 0, got ${attempts}`);
  if (attempts === 0) {
    for (const name of ['perTryTimeout', 'retryOn', 'retryRemoteLocalities'] as const) {
      if (retries[name])
        findings.error(`${path}.${name}`, 'conflict', 'has no meaning with attempts 0', 'set attempts');
    }
  }
  for (const token of retries.retryOn ? retries.retryOn.split(',') : []) {
    if (/^\d+$/.test(token) && Number(token) >= 100 && Number(token) <= 599) continue;
    if (RETRY_ON.includes(token)) continue;
    const nearest = nearestName(token.trim(), RETRY_ON);
    findings.error(
      `${path}.retryOn`,
      'unknown-value',
      `"${token}" is not a retry condition or HTTP status`,
      nearest ? `did you mean ${nearest}${token === token.trim() ? '' : ' (without spaces)'}?` : undefined,
    );
  }
}

function checkRewrite(rewrite: HttpRewrite | undefined, path: string, findings: Findings): void {
  if (!rewrite) return;
  if (rewrite.uri && rewrite.uriRegexRewrite)
    findings.error(path, 'conflict', 'only one of uri and uriRegexRewrite is possible');
  if (!rewrite.uri && !rewrite.uriRegexRewrite && !rewrite.authority)
    findings.error(path, 'required', 'needs uri, uriRegexRewrite or authority');
  const regex = rewrite.uriRegexRewrite;
  if (!regex) return;
  if (!regex.match || !regex.rewrite)
    findings.error(`${path}.uriRegexRewrite`, 'required', 'needs both match and rewrite');
  else checkRegex(regex.match, `${path}.uriRegexRewrite.match`, findings);
}

/** Destinations of HTTP, TLS and TCP rules: hosts, subsets, ports, weights. */
export function checkDestinations(
  destinations: readonly (RouteDestination & { readonly headers?: HeaderOperations | undefined })[] | undefined,
  path: string,
  findings: Findings,
): void {
  let total = 0;
  for (const [index, each] of (destinations ?? []).entries()) {
    const at = joinPath(path, index);
    checkDestination(each.destination, `${at}.destination`, findings);
    if ('headers' in each) checkHeaderOperations(each.headers, `${at}.headers`, findings);
    const weight = each.weight ?? 0;
    if (weight < 0) findings.error(`${at}.weight`, 'out-of-range', `must be at least 0, got ${weight}`);
    total += weight;
  }
  if ((destinations?.length ?? 0) > 1 && total === 0) {
    findings.error(
      path,
      'no-weight',
      'the weights of several destinations must not sum to 0',
      'give each destination a weight',
    );
  }
}

export function checkDestination(destination: Destination, path: string, findings: Findings): void {
  if (destination.host === '*') findings.error(`${path}.host`, 'bad-host', '"*" is not a service');
  else checkWildcardHost(destination.host, `${path}.host`, findings);
  if (destination.subset && !isDnsLabel(destination.subset))
    findings.error(`${path}.subset`, 'bad-name', `"${destination.subset}" is not a valid name of a subset`);
  if (destination.port) checkPort(destination.port.number, `${path}.port.number`, findings);
}
