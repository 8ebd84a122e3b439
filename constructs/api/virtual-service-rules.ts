// Rules across the fields of VirtualService that Istio's webhook checks, and its warnings about rules that are never reached.
import { checkExportTo, checkGatewayNames, checkLabels, checkPort, checkSubnets, isJwtClaim } from './checks.ts';
import type { Findings } from './findings.ts';
import { faultOfWildcardHost, hostsOverlap, hostWithin, isIp } from './hosts.ts';
import { checkDestinations, checkHttpRoute } from './http-route-rules.ts';
import type { RuleContext } from './kind.ts';
import { joinPath } from './problem.ts';
import { checkReachable } from './reachable-rules.ts';
import type { TcpMatch, TlsMatch, VirtualServiceSpec } from './virtual-service-spec.ts';

export function checkVirtualService(
  spec: VirtualServiceSpec,
  path: string,
  findings: Findings,
  context: RuleContext,
): void {
  const hosts = spec.hosts ?? [];
  const gateways = spec.gateways ?? [];
  const isDelegate = hosts.length === 0;
  if (isDelegate) {
    for (const name of ['gateways', 'tls', 'tcp'] as const) {
      if ((spec[name] ?? []).length > 0) {
        findings.error(
          `${path}.${name}`,
          'conflict',
          `is not possible without hosts: a delegate has only http rules`,
          'add spec.hosts',
        );
      }
    }
  }
  checkGatewayNames(gateways, `${path}.gateways`, findings);
  const forGateway = gateways.length > 0 && !gateways.includes('mesh');
  checkHosts(spec, path, findings, forGateway);
  if (!forGateway) refuseJwtClaims(spec, path, findings);
  const rules = [spec.http, spec.tls, spec.tcp].some((list) => (list ?? []).length > 0);
  if (!rules) findings.error(path, 'required', 'needs at least one of http, tls, tcp');
  for (const [index, route] of (spec.http ?? []).entries())
    checkHttpRoute(route, joinPath(`${path}.http`, index), findings, isDelegate);
  for (const [index, route] of (spec.tls ?? []).entries()) {
    const at = joinPath(`${path}.tls`, index);
    if (route.match.length === 0) findings.error(`${at}.match`, 'required', 'needs at least one condition');
    for (const [number, match] of route.match.entries())
      checkTlsMatch(match, hosts, joinPath(`${at}.match`, number), findings, forGateway);
    if ((route.route ?? []).length === 0) findings.error(`${at}.route`, 'required', 'needs at least one destination');
    checkDestinations(route.route, `${at}.route`, findings);
  }
  for (const [index, route] of (spec.tcp ?? []).entries()) {
    const at = joinPath(`${path}.tcp`, index);
    for (const [number, match] of (route.match ?? []).entries())
      checkConnectionMatch(match, joinPath(`${at}.match`, number), findings);
    if ((route.route ?? []).length === 0) findings.error(`${at}.route`, 'required', 'needs at least one destination');
    checkDestinations(route.route, `${at}.route`, findings);
  }
  checkExportTo(spec.exportTo, `${path}.exportTo`, findings, { namespace: context.namespace });
  checkReachable(spec.http ?? [], `${path}.http`, findings);
  checkReachable(spec.tcp ?? [], `${path}.tcp`, findings);
  checkReachable(spec.tls ?? [], `${path}.tls`, findings);
}

function checkHosts(spec: VirtualServiceSpec, path: string, findings: Findings, forGateway: boolean): void {
  const hosts = spec.hosts ?? [];
  let valid = true;
  for (const [index, host] of hosts.entries()) {
    const at = joinPath(`${path}.hosts`, index);
    const fault = faultOfWildcardHost(host);
    if (fault && !isIp(host) && !(forGateway && isSniName(host))) {
      findings.error(at, 'bad-host', fault);
      valid = false;
    } else if (host === '*' && !forGateway) {
      findings.error(at, 'bad-host', '"*" is not possible for sidecars', 'name the service, or bind to a gateway');
      valid = false;
    }
  }
  if (!valid) return;
  for (const [index, host] of hosts.entries()) {
    const earlier = hosts.slice(0, index).find((other) => hostsOverlap(other, host));
    if (earlier !== undefined)
      findings.error(joinPath(`${path}.hosts`, index), 'duplicate', `"${host}" is already covered by "${earlier}"`);
  }
}

/** Names of AUTO_PASSTHROUGH: `outbound_.80_._.reviews.default.svc.cluster.local`. */
const isSniName = (host: string): boolean => /^outbound_\.\d+_\.[^.]*_?\./.test(host);

function refuseJwtClaims(spec: VirtualServiceSpec, path: string, findings: Findings): void {
  for (const [index, route] of (spec.http ?? []).entries()) {
    for (const [number, match] of (route.match ?? []).entries()) {
      for (const kind of ['headers', 'withoutHeaders'] as const) {
        for (const name of Object.keys(match[kind] ?? {}).filter(isJwtClaim)) {
          findings.error(
            joinPath(`${path}.http[${index}].match[${number}].${kind}`, name),
            'gateway-only',
            'claims of a JWT can be matched at gateways only',
            'bind the resource to a gateway',
          );
        }
      }
    }
  }
}

function checkTlsMatch(
  match: TlsMatch,
  hosts: readonly string[],
  path: string,
  findings: Findings,
  forGateway: boolean,
): void {
  if (match.sniHosts.length === 0) findings.error(`${path}.sniHosts`, 'required', 'needs at least one name');
  for (const [index, name] of match.sniHosts.entries()) {
    const at = joinPath(`${path}.sniHosts`, index);
    const fault = faultOfWildcardHost(name);
    if (isIp(name)) findings.warn(at, 'ip-sni', `clients do not send addresses as SNI, got "${name}"`);
    else if (fault && !(forGateway && isSniName(name))) findings.error(at, 'bad-host', fault);
    else if (!hosts.some((host) => hostWithin(name, host))) {
      findings.error(
        at,
        'sni-outside-hosts',
        `"${name}" is not within the hosts of the resource (${hosts.join(', ')})`,
      );
    }
  }
  checkConnectionMatch(match, path, findings);
}

function checkConnectionMatch(match: TcpMatch, path: string, findings: Findings): void {
  checkSubnets(match.destinationSubnets, `${path}.destinationSubnets`, findings);
  if (match.port) checkPort(match.port, `${path}.port`, findings);
  checkLabels(match.sourceLabels, `${path}.sourceLabels`, findings);
  checkGatewayNames(match.gateways, `${path}.gateways`, findings);
}
