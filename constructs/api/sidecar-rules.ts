// Rules across the fields of Sidecar that Istio's webhook checks.
import { checkHost, checkPort, checkWildcardHost } from './checks.ts';
import type { Findings } from './findings.ts';
import { isDnsLabel, isIp } from './hosts.ts';
import { checkDestination } from './http-route-rules.ts';
import type { RuleContext } from './kind.ts';
import { joinPath } from './problem.ts';
import { PROTOCOLS, protocolClass } from './protocols.ts';
import { checkServerTls } from './server-tls-rules.ts';
import { checkLabelSelector } from './service-entry-rules.ts';
import type { SidecarEgressListener, SidecarIngressListener, SidecarPort, SidecarSpec } from './sidecar-spec.ts';
import { checkConnectionPool } from './traffic-policy-rules.ts';

const LOOPBACK_AND_ANY = ['', '127.0.0.1', '0.0.0.0', '::1', '::'];

export function checkSidecar(spec: SidecarSpec, path: string, findings: Findings, context: RuleContext): void {
  checkLabelSelector(spec.workloadSelector, `${path}.workloadSelector`, findings);
  const { egress = [], ingress = [] } = spec;
  if (egress.length === 0 && ingress.length === 0 && !spec.outboundTrafficPolicy && !spec.inboundConnectionPool) {
    findings.error(path, 'required', 'needs egress, ingress, outboundTrafficPolicy or inboundConnectionPool');
  }
  const numbers = new Set<number>();
  for (const [index, listener] of ingress.entries()) {
    const at = joinPath(`${path}.ingress`, index);
    checkIngress(listener, at, findings);
    const number = listener.port.number ?? 0;
    if (numbers.has(number)) findings.error(`${at}.port.number`, 'duplicate', `port ${number} is used twice`);
    numbers.add(number);
  }
  checkConnectionPool(spec.inboundConnectionPool, `${path}.inboundConnectionPool`, findings);
  checkEgressPorts(egress, path, findings);
  for (const [index, listener] of egress.entries())
    checkEgress(listener, joinPath(`${path}.egress`, index), findings, context.namespace);
  const policy = spec.outboundTrafficPolicy;
  if (!policy?.egressProxy) return;
  const at = `${path}.outboundTrafficPolicy.egressProxy`;
  if (policy.mode !== 'ALLOW_ANY') findings.error(at, 'conflict', 'is possible with mode ALLOW_ANY only');
  checkHost(policy.egressProxy.host, `${at}.host`, findings);
  if (!policy.egressProxy.port) findings.error(`${at}.port`, 'required', 'is required');
  checkDestination(policy.egressProxy, at, findings);
}

function checkNames(port: SidecarPort, path: string, findings: Findings): void {
  if (port.name && !isDnsLabel(port.name))
    findings.error(`${path}.name`, 'bad-name', `"${port.name}" is not a valid name of a port`);
  if (port.protocol && protocolClass(port.protocol) === undefined)
    findings.error(
      `${path}.protocol`,
      'unknown-value',
      `"${port.protocol}" is not a protocol`,
      `valid are ${PROTOCOLS.join(', ')}`,
    );
  if (port.targetPort) findings.error(`${path}.targetPort`, 'no-effect', 'has no effect on a Sidecar, remove it');
}

function checkIngress(listener: SidecarIngressListener, path: string, findings: Findings): void {
  const { port, tls } = listener;
  checkNames(port, `${path}.port`, findings);
  checkPort(port.number, `${path}.port.number`, findings);
  if (listener.bind && !isIp(listener.bind))
    findings.error(`${path}.bind`, 'bad-address', `"${listener.bind}" is not an address`);
  if (listener.defaultEndpoint) checkDefaultEndpoint(listener.defaultEndpoint, `${path}.defaultEndpoint`, findings);
  const kind = protocolClass(port.protocol || 'TCP');
  if (tls) {
    for (const name of [
      'subjectAltNames',
      'httpsRedirect',
      'credentialName',
      'credentialNames',
      'tlsCertificates',
    ] as const) {
      const value = tls[name];
      if (Array.isArray(value) ? value.length > 0 : value)
        findings.error(`${path}.tls.${name}`, 'unsupported', 'is not supported on a Sidecar');
    }
    if (tls.mode === 'ISTIO_MUTUAL' || tls.mode === 'AUTO_PASSTHROUGH')
      findings.error(`${path}.tls.mode`, 'unsupported', `${tls.mode} is not supported on a Sidecar`);
    if (kind !== 'tls') findings.error(`${path}.tls`, 'conflict', 'is possible with protocol HTTPS and TLS only');
    checkServerTls(tls, `${path}.tls`, findings);
  }
  checkConnectionPool(listener.connectionPool, `${path}.connectionPool`, findings);
  if (listener.connectionPool?.http && kind !== 'http')
    findings.warn(`${path}.connectionPool.http`, 'no-effect', `has no effect on protocol ${port.protocol ?? 'TCP'}`);
}

function checkDefaultEndpoint(endpoint: string, path: string, findings: Findings): void {
  if (endpoint.startsWith('unix://')) {
    if (!/^unix:\/\/(@|\/.*[^/]$)/.test(endpoint))
      findings.error(path, 'bad-address', `"${endpoint}" is not an absolute path of a file`);
    return;
  }
  const parts = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(endpoint);
  const host = parts?.[1] ?? parts?.[2] ?? '';
  if (!parts || !LOOPBACK_AND_ANY.includes(host)) {
    findings.error(
      path,
      'bad-address',
      `"${endpoint}" must be 127.0.0.1:<port>, 0.0.0.0:<port>, [::1]:<port>, [::]:<port> or unix://<path>`,
    );
  } else checkPort(Number(parts[3]), path, findings);
}

function checkEgressPorts(egress: readonly SidecarEgressListener[], path: string, findings: Findings): void {
  const sockets = new Set<string>();
  const numbers = new Set<number>();
  for (const [index, { port, bind = '' }] of egress.entries()) {
    const at = joinPath(`${path}.egress`, index);
    if (!port) {
      if (index !== egress.length - 1)
        findings.error(at, 'bad-order', 'the listener without port must be the last, and there may be only one');
    } else if (!port.number) {
      if (sockets.has(bind)) findings.error(`${at}.bind`, 'duplicate', `"${bind}" is used twice`);
      sockets.add(bind);
    } else {
      if (numbers.has(port.number))
        findings.error(`${at}.port.number`, 'duplicate', `port ${port.number} is used twice`);
      numbers.add(port.number);
    }
  }
}

function checkEgress(listener: SidecarEgressListener, path: string, findings: Findings, namespace: string): void {
  const { port, bind = '', captureMode = 'DEFAULT', hosts } = listener;
  if (port) {
    checkNames(port, `${path}.port`, findings);
    if (port.number) {
      checkPort(port.number, `${path}.port.number`, findings);
      if (bind && !isIp(bind)) findings.error(`${path}.bind`, 'bad-address', `"${bind}" is not an address`);
    } else {
      if (!bind.startsWith('unix://')) findings.error(`${path}.bind`, 'required', 'port 0 needs a unix:// address');
      if (captureMode === 'IPTABLES')
        findings.error(`${path}.captureMode`, 'conflict', 'a unix socket cannot be captured by IPTABLES');
    }
  }
  if (hosts.length === 0)
    findings.error(`${path}.hosts`, 'required', 'needs at least one host', 'write ./* for the own namespace');
  const seen = new Set<string>();
  for (const [index, entry] of hosts.entries()) {
    const at = joinPath(`${path}.hosts`, index);
    const slash = entry.indexOf('/');
    const of = entry.slice(0, slash);
    if (slash < 0) {
      findings.error(at, 'bad-host', `"${entry}" must be <namespace>/<host>`, `write ./${entry} or */${entry}`);
      continue;
    }
    const host = entry.slice(slash + 1);
    const scope = of.startsWith('~') ? of.slice(1) : of;
    if (scope !== '' && scope !== '*' && scope !== '.' && !isDnsLabel(scope))
      findings.error(at, 'bad-host', `"${of}" is not a namespace, "*", "." or "~"`);
    if (checkWildcardHost(host, at, findings) && host !== '*' && !host.includes('.')) {
      findings.error(
        at,
        'short-host',
        `short names such as "${host}" are not possible here`,
        `write ${host}.${scope === '*' ? '<namespace>' : scope}.svc.cluster.local`,
      );
    }
    const key = `${of === '.' ? namespace : of}/`;
    if (seen.has(key + host) || (host !== '*' && seen.has(`${key}*`)))
      findings.warn(at, 'duplicate', `"${entry}" is already imported`);
    seen.add(key + host);
  }
  if (seen.has('*/*') && seen.size > 1) findings.warn(`${path}.hosts`, 'duplicate', '"*/*" already imports everything');
}
