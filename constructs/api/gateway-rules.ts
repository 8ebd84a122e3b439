// Rules across the fields of Gateway that Istio's webhook checks.
import { checkPort, checkWildcardHost } from './checks.ts';
import type { Findings } from './findings.ts';
import type { GatewayServer, GatewaySpec } from './gateway-spec.ts';
import { isDnsLabel, isIp } from './hosts.ts';
import type { RuleContext } from './kind.ts';
import { joinPath } from './problem.ts';
import { PROTOCOLS, protocolClass } from './protocols.ts';
import { checkServerTls } from './server-tls-rules.ts';

export function checkGateway(spec: GatewaySpec, path: string, findings: Findings, context: RuleContext): void {
  const name = context.metadata.name;
  if (name !== undefined && !isDnsLabel(name))
    findings.error('metadata.name', 'bad-name', `"${name}" must be a DNS label: no dots, at most 63 characters`);
  const servers = spec.servers ?? [];
  if (servers.length === 0) findings.error(`${path}.servers`, 'required', 'needs at least one server');
  const names = new Set<string>();
  for (const [index, server] of servers.entries()) {
    const at = joinPath(`${path}.servers`, index);
    checkServer(server, at, findings);
    if (names.has(server.port.name))
      findings.error(`${at}.port.name`, 'duplicate', `port name "${server.port.name}" is used twice`);
    names.add(server.port.name);
  }
}

function checkServer(server: GatewayServer, path: string, findings: Findings): void {
  if (server.hosts.length === 0)
    findings.error(`${path}.hosts`, 'required', 'needs at least one host', 'use "*" for all');
  for (const [index, host] of server.hosts.entries())
    checkGatewayHost(host, joinPath(`${path}.hosts`, index), findings);
  checkServerPort(server, path, findings);
  checkServerTls(server.tls, `${path}.tls`, findings);
  const kind = protocolClass(server.port.protocol);
  if (kind === undefined) return;
  if (kind === 'tls' && !server.tls)
    findings.error(`${path}.tls`, 'required', `is required for protocol ${server.port.protocol}`);
  if (kind !== 'tls' && server.tls) {
    const { tls } = server;
    const redirectOnly =
      kind === 'http' &&
      (tls.mode ?? 'PASSTHROUGH') === 'PASSTHROUGH' &&
      !tls.caCertificates &&
      !tls.privateKey &&
      !tls.serverCertificate;
    if (!redirectOnly)
      findings.error(
        `${path}.tls`,
        'conflict',
        `is not possible with protocol ${server.port.protocol}`,
        kind === 'http' ? 'use protocol HTTPS, or only tls.httpsRedirect' : 'use protocol TLS',
      );
  }
  if (kind !== 'http' && server.tls?.httpsRedirect)
    findings.warn(`${path}.tls.httpsRedirect`, 'no-effect', 'works on HTTP servers only');
}

/** `[<namespace>/]<host>`, with `*` and `.` as namespace. */
function checkGatewayHost(value: string, path: string, findings: Findings): void {
  const parts = value.split('/');
  if (parts.length > 2) {
    findings.error(path, 'bad-host', `"${value}" must be <host> or <namespace>/<host>`);
    return;
  }
  const host = parts[parts.length - 1]!;
  if (parts.length === 2 && parts[0] !== '*' && parts[0] !== '.' && !isDnsLabel(parts[0]!)) {
    findings.error(path, 'bad-host', `"${parts[0]}" is not a namespace, "*" or "."`);
  }
  if (!checkWildcardHost(host, path, findings)) return;
  if (host !== '*' && !host.includes('.'))
    findings.error(
      path,
      'short-host',
      `short names such as "${host}" are not possible here`,
      `write the full name, e.g. ${host}.example.com`,
    );
}

function checkServerPort(server: GatewayServer, path: string, findings: Findings): void {
  const { port, bind = '' } = server;
  if (protocolClass(port.protocol) === undefined) {
    findings.error(
      `${path}.port.protocol`,
      'unknown-value',
      `"${port.protocol}" is not a protocol`,
      `valid are ${PROTOCOLS.join(', ')}`,
    );
  }
  if (port.name === '') findings.error(`${path}.port.name`, 'required', 'must not be empty');
  if (port.targetPort) findings.error(`${path}.port.targetPort`, 'no-effect', 'has no effect on a Gateway, remove it');
  if (bind.startsWith('unix://')) {
    const socket = bind.slice('unix://'.length);
    if (!socket.startsWith('@') && (!socket.startsWith('/') || socket.endsWith('/')))
      findings.error(`${path}.bind`, 'bad-address', `"${socket}" is not an absolute path of a file`);
    if (port.number !== 0) findings.error(`${path}.port.number`, 'conflict', 'must be 0 with a unix socket');
    return;
  }
  checkPort(port.number, `${path}.port.number`, findings);
  if (bind !== '' && !isIp(bind)) findings.error(`${path}.bind`, 'bad-address', `"${bind}" is not an address`);
}
