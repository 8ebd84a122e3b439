// Rules across the fields of ServiceEntry that Istio's webhook checks.
import { checkExportTo, checkLabels, checkPort, checkWildcardHost } from './checks.ts';
import type { Findings } from './findings.ts';
import { faultOfHost, isDnsLabel, isIp, isIpOrCidr } from './hosts.ts';
import type { RuleContext } from './kind.ts';
import { Label } from './names.ts';
import { joinPath } from './problem.ts';
import { PROTOCOLS, protocolClass } from './protocols.ts';
import type { ServiceEntrySpec, WorkloadEntrySpec } from './service-entry-spec.ts';

const DYNAMIC_PROTOCOLS = ['HTTP', 'TLS', 'GRPC', 'HTTP2'];

export function checkServiceEntry(
  spec: ServiceEntrySpec,
  path: string,
  findings: Findings,
  context: RuleContext,
): void {
  const resolution = spec.resolution ?? 'NONE';
  const ports = spec.ports ?? [];
  checkLabelSelector(spec.workloadSelector, `${path}.workloadSelector`, findings);
  if (spec.workloadSelector && spec.endpoints)
    findings.error(path, 'conflict', 'only one of workloadSelector and endpoints is possible');
  for (const [index, host] of spec.hosts.entries()) {
    const at = joinPath(`${path}.hosts`, index);
    if (host === '*') findings.error(at, 'bad-host', '"*" is not possible: it would take all traffic');
    else if (checkWildcardHost(host, at, findings) && /^\*[^.]/.test(host) && resolution !== 'DYNAMIC_DNS')
      findings.warn(
        at,
        'partial-wildcard',
        `"${host}" works with SNI and Host exactly, not with most clients`,
        'write *.',
      );
  }
  checkAddresses(spec, resolution, path, findings);
  checkPorts(spec, path, findings, context);
  checkResolution(spec, resolution, path, findings, context);
  const opaque = ports.some((port) => !['http', 'tls'].includes(protocolClass(port.protocol || 'TCP') ?? 'tcp'));
  if (resolution !== 'NONE' && spec.hosts.length > 1 && opaque) {
    findings.error(
      `${path}.hosts`,
      'conflict',
      'several hosts cannot be told apart on TCP ports',
      'make one ServiceEntry for each host',
    );
  }
  checkExportTo(spec.exportTo, `${path}.exportTo`, findings, { namespace: context.namespace, allowNone: true });
}

export function checkLabelSelector(
  selector: { readonly labels?: Readonly<Record<string, string>> | undefined } | undefined,
  path: string,
  findings: Findings,
): void {
  if (!selector) return;
  const entries = Object.entries(selector.labels ?? {});
  if (entries.length === 0)
    findings.warn(path, 'no-labels', 'a selector without labels selects every workload of the namespace');
  for (const [key, value] of entries) {
    if (key === '' || key.includes('*') || value.includes('*')) {
      findings.error(
        joinPath(`${path}.labels`, key),
        'bad-label',
        `wildcards and empty keys are not supported in selectors, got "${key}: ${value}"`,
      );
    }
  }
}

function checkAddresses(spec: ServiceEntrySpec, resolution: string, path: string, findings: Findings): void {
  for (const [index, address] of (spec.addresses ?? []).entries()) {
    const at = joinPath(`${path}.addresses`, index);
    if (!isIpOrCidr(address)) findings.error(at, 'bad-address', `"${address}" is not an address or CIDR`);
    else if (address.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC')
      findings.error(at, 'conflict', `CIDRs are possible with resolution NONE and STATIC only, not ${resolution}`);
  }
}

function checkPorts(spec: ServiceEntrySpec, path: string, findings: Findings, context: RuleContext): void {
  const names = new Set<string>();
  const numbers = new Set<number>();
  const allocates =
    (spec.resolution ?? 'NONE') !== 'NONE' && context.metadata.labels?.[Label.enableAutoallocateIp] !== 'false';
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const at = joinPath(`${path}.ports`, index);
    if (names.has(port.name)) findings.error(`${at}.name`, 'duplicate', `port name "${port.name}" is used twice`);
    if (numbers.has(port.number)) findings.error(`${at}.number`, 'duplicate', `port ${port.number} is used twice`);
    names.add(port.name);
    numbers.add(port.number);
    if (!isDnsLabel(port.name))
      findings.error(`${at}.name`, 'bad-name', `"${port.name}" is not a valid name of a port`);
    if (port.protocol && protocolClass(port.protocol) === undefined)
      findings.error(
        `${at}.protocol`,
        'unknown-value',
        `"${port.protocol}" is not a protocol`,
        `valid are ${PROTOCOLS.join(', ')}`,
      );
    checkPort(port.number, `${at}.number`, findings);
    if (port.targetPort) checkPort(port.targetPort, `${at}.targetPort`, findings);
    if ((spec.addresses ?? []).length === 0 && !allocates && (!port.protocol || port.protocol === 'TCP')) {
      findings.warn(
        at,
        'no-address',
        'a TCP port without addresses takes all traffic of that port',
        'set spec.addresses',
      );
    }
  }
}

function checkResolution(
  spec: ServiceEntrySpec,
  resolution: NonNullable<ServiceEntrySpec['resolution']>,
  path: string,
  findings: Findings,
  context: RuleContext,
): void {
  const endpoints = spec.endpoints ?? [];
  const names = new Set((spec.ports ?? []).map((port) => port.name));
  const each = (allowHosts: boolean): void => {
    for (const [index, endpoint] of endpoints.entries())
      checkEndpoint(endpoint, joinPath(`${path}.endpoints`, index), findings, { names, allowHosts });
  };
  switch (resolution) {
    case 'NONE':
      if (endpoints.length > 0)
        findings.error(`${path}.endpoints`, 'conflict', 'is not possible with resolution NONE', 'set spec.resolution');
      if (spec.workloadSelector)
        findings.warn(`${path}.workloadSelector`, 'no-effect', 'has no effect with resolution NONE');
      return;
    case 'STATIC':
      each(false);
      return;
    case 'DNS':
    case 'DNS_ROUND_ROBIN': {
      const wild = endpoints.length === 0 ? spec.hosts.findIndex((host) => faultOfHost(host) !== undefined) : -1;
      if (wild >= 0)
        findings.error(
          joinPath(`${path}.hosts`, wild),
          'bad-host',
          `"${spec.hosts[wild]}" cannot be resolved`,
          'add endpoints, or use resolution NONE',
        );
      if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1)
        findings.error(
          `${path}.endpoints`,
          'too-many',
          `DNS_ROUND_ROBIN takes at most 1 endpoint, got ${endpoints.length}`,
        );
      each(true);
      return;
    }
    case 'DYNAMIC_DNS': {
      for (const [index, host] of spec.hosts.entries()) {
        if (!host.startsWith('*'))
          findings.error(
            joinPath(`${path}.hosts`, index),
            'bad-host',
            `DYNAMIC_DNS needs wildcard hosts, got "${host}"`,
            'use resolution DNS',
          );
      }
      if ((spec.addresses ?? []).length > 0)
        findings.error(`${path}.addresses`, 'conflict', 'is not possible with DYNAMIC_DNS');
      if (endpoints.length > 0) findings.error(`${path}.endpoints`, 'conflict', 'is not possible with DYNAMIC_DNS');
      for (const [index, port] of (spec.ports ?? []).entries()) {
        if (!DYNAMIC_PROTOCOLS.includes((port.protocol ?? '').toUpperCase()))
          findings.error(
            `${joinPath(`${path}.ports`, index)}.protocol`,
            'conflict',
            `DYNAMIC_DNS works with ${DYNAMIC_PROTOCOLS.join(', ')} only`,
          );
      }
      const waypoint = context.metadata.labels?.[Label.useWaypoint];
      if (spec.location === 'MESH_INTERNAL' && waypoint && waypoint.toLowerCase() !== 'none')
        findings.error(`${path}.location`, 'conflict', 'MESH_INTERNAL is not possible with DYNAMIC_DNS and a waypoint');
      return;
    }
    default:
      resolution satisfies never;
  }
}

export interface EndpointOptions {
  /** Names of the ports of the service; absent where it is not known. */
  readonly names?: ReadonlySet<string> | undefined;
  readonly allowHosts: boolean;
}

export function checkEndpoint(
  endpoint: WorkloadEntrySpec,
  path: string,
  findings: Findings,
  options: EndpointOptions,
): void {
  const address = endpoint.address ?? '';
  const ports = Object.entries(endpoint.ports ?? {});
  if (address === '') {
    if (!endpoint.network) findings.error(`${path}.address`, 'required', 'is required, unless network is set');
  } else if (address.startsWith('unix://')) {
    const socket = address.slice('unix://'.length);
    if (!socket.startsWith('@') && (!socket.startsWith('/') || socket.endsWith('/')))
      findings.error(`${path}.address`, 'bad-address', `"${socket}" is not an absolute path of a file`);
    if (ports.length > 0) findings.error(`${path}.ports`, 'conflict', 'a unix socket has no ports');
    if (options.names && options.names.size !== 1)
      findings.error(
        `${path}.address`,
        'conflict',
        `a unix socket needs exactly 1 port of the service, it has ${options.names.size}`,
      );
  } else if (!isIp(address) && (!options.allowHosts || faultOfHost(address))) {
    findings.error(
      `${path}.address`,
      'bad-address',
      options.allowHosts ? `"${address}" is not an address or host name` : `"${address}" is not an address`,
      options.allowHosts ? undefined : 'use resolution DNS for host names',
    );
  }
  for (const [name, port] of ports) {
    const at = joinPath(`${path}.ports`, name);
    if (options.names && !options.names.has(name))
      findings.error(
        at,
        'unknown-port',
        `the service has no port "${name}"`,
        `it has ${[...options.names].join(', ')}`,
      );
    checkPort(port, at, findings);
  }
  checkLabels(endpoint.labels, `${path}.labels`, findings);
}
