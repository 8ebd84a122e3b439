// Single checks that the rules of several kinds share: hosts, ports, labels, gateways, exportTo, header names and values, RE2.
import { RE2JS } from 're2js';
import type { Findings } from './findings.ts';
import { faultOfHost, faultOfWildcardHost, isDnsLabel, isIpOrCidr } from './hosts.ts';
import { joinPath } from './problem.ts';

/** Envoy's program-size limit is of the same order. */
const MAX_REGEX_LENGTH = 1024;
const TOKEN = /^[-_A-Za-z0-9!#$%&'*+.^`|~]+$/;

export function checkHost(host: string, path: string, findings: Findings): void {
  const fault = faultOfHost(host);
  if (fault) findings.error(path, 'bad-host', fault);
}

export function checkWildcardHost(host: string, path: string, findings: Findings): boolean {
  const fault = faultOfWildcardHost(host);
  if (fault) findings.error(path, 'bad-host', fault);
  return fault === undefined;
}

export function checkPort(port: number | undefined, path: string, findings: Findings): void {
  if (port === undefined || port < 1 || port > 65535) {
    findings.error(path, 'bad-port', `port must be in 1..65535, got ${port ?? 'nothing'}`);
  }
}

export function checkPercent(value: number | undefined, path: string, findings: Findings): void {
  if (value !== undefined && (value < 0 || value > 100))
    findings.error(path, 'bad-percent', `must be in 0..100, got ${value}`);
}

/** Kubernetes label keys and values. */
export function checkLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
  findings: Findings,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    const at = joinPath(path, key);
    const slash = key.lastIndexOf('/');
    const name = key.slice(slash + 1);
    if (
      !/^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/.test(name) ||
      (slash >= 0 && faultOfHost(key.slice(0, slash)))
    ) {
      findings.error(at, 'bad-label', `"${key}" is not a valid label key`);
    }
    if (!/^([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$/.test(value)) {
      findings.error(
        at,
        'bad-label',
        `"${value}" is not a valid label value: at most 63 letters, digits, ".", "_", "-"`,
      );
    }
  }
}

export function checkSubnets(subnets: readonly string[] | undefined, path: string, findings: Findings): void {
  for (const [index, subnet] of (subnets ?? []).entries()) {
    if (!isIpOrCidr(subnet))
      findings.error(joinPath(path, index), 'bad-subnet', `"${subnet}" is not an address or CIDR`);
  }
}

/** References to Gateways: `<namespace>/<name>`, `<name>`, `mesh`. */
export function checkGatewayNames(names: readonly string[] | undefined, path: string, findings: Findings): void {
  for (const [index, name] of (names ?? []).entries()) {
    const at = joinPath(path, index);
    const slash = name.indexOf('/');
    if (slash < 0) {
      if (name.includes('.')) {
        const [gateway, namespace] = name.split('.');
        findings.warn(at, 'legacy-gateway-name', `"${name}" has the old form`, `write ${namespace}/${gateway}`);
      }
      checkHost(name, at, findings);
      continue;
    }
    const namespace = name.slice(0, slash);
    const gateway = name.slice(slash + 1);
    if (!isDnsLabel(namespace)) findings.error(at, 'bad-gateway-name', `"${namespace}" is not a valid namespace`);
    if (!isDnsLabel(gateway)) findings.error(at, 'bad-gateway-name', `"${gateway}" is not a valid name of a Gateway`);
  }
}

export function checkRegex(regex: string, path: string, findings: Findings): void {
  if (regex === '') findings.error(path, 'bad-regex', 'must not be empty');
  else if (regex.length > MAX_REGEX_LENGTH) {
    findings.error(path, 'bad-regex', `must have at most ${MAX_REGEX_LENGTH} characters, has ${regex.length}`);
  } else {
    try {
      RE2JS.compile(regex);
    } catch (error) {
      findings.error(
        path,
        'bad-regex',
        `${JSON.stringify(regex)} is not an RE2 expression: ${(error as Error).message}`,
        'RE2 has no look-around and no back-references',
      );
    }
  }
}

export interface ExportToOptions {
  readonly namespace: string;
  /** ServiceEntry: `~` is allowed. */
  readonly allowNone?: boolean;
  /** DestinationRule with workloadSelector: its own namespace only. */
  readonly ownNamespaceOnly?: boolean;
}

export function checkExportTo(
  exportTo: readonly string[] | undefined,
  path: string,
  findings: Findings,
  options: ExportToOptions,
): void {
  if (!exportTo || exportTo.length === 0) return;
  const own = options.namespace || '.';
  const seen = new Set<string>();
  for (const [index, entry] of exportTo.entries()) {
    const at = joinPath(path, index);
    const key = entry === '.' ? own : entry;
    if (seen.has(key)) findings.error(at, 'duplicate', `"${entry}" is said twice`);
    seen.add(key);
    if (entry === '.' || entry === '*' || (entry === '~' && options.allowNone)) continue;
    if (!isDnsLabel(entry)) findings.error(at, 'bad-export-to', `"${entry}" is not a namespace, "." or "*"`);
  }
  if (seen.has('*') && exportTo.length > 1)
    findings.error(path, 'bad-export-to', '"*" already means all namespaces, remove the others');
  if (seen.has('~') && exportTo.length > 1)
    findings.error(path, 'bad-export-to', '"~" means no namespace, remove it or the others');
  if (options.ownNamespaceOnly && (seen.size > 1 || !seen.has(own))) {
    findings.error(path, 'bad-export-to', 'with a workloadSelector only "." is possible');
  }
}

export const isHeaderName = (name: string): boolean => TOKEN.test(name);

const PSEUDO_HEADERS = [':method', ':scheme', ':authority', ':path', ':status'];

/** A key of `match.headers`: a header, a pseudo-header or `@request.auth.claims...`. */
export function checkMatchHeaderName(name: string, path: string, findings: Findings): void {
  if (name === '') findings.error(path, 'bad-header', 'the name of a header must not be empty');
  else if (!isJwtClaim(name) && !PSEUDO_HEADERS.includes(name) && !isHeaderName(name)) {
    findings.error(path, 'bad-header', `"${name}" is not a valid name of a header`);
  }
}

export const isJwtClaim = (name: string): boolean => /^@request\.auth\.claims[.[]/i.test(name);

/** A name in `headers.*.set|add|remove`. */
export function checkHeaderOperation(name: string, path: string, findings: Findings, authorityAllowed: boolean): void {
  const lower = name.toLowerCase();
  if (name === '') findings.error(path, 'bad-header', 'the name of a header must not be empty');
  else if (authorityAllowed && (lower === ':authority' || lower === 'host')) return;
  else if (lower === 'host')
    findings.error(path, 'bad-header', 'the Host header cannot be changed here', 'use rewrite.authority');
  else if (name.startsWith(':')) findings.error(path, 'bad-header', `"${name}" cannot be changed: it begins with ":"`);
}

/** A value that Envoy's format takes: `%` doubled, or `%VARIABLE%`, `%VARIABLE(arguments)%`. */
export function checkHeaderValue(value: string, path: string, findings: Findings): void {
  for (const character of value) {
    const code = character.charCodeAt(0);
    if ((code < 32 && code !== 9) || code === 127) {
      findings.error(path, 'bad-header-value', 'must not hold control characters');
      return;
    }
  }
  for (let at = value.indexOf('%'); at >= 0; at = value.indexOf('%', at)) {
    if (value[at + 1] === '%') {
      at += 2;
      continue;
    }
    const variable = /^%[^%(]*(\([^)]*\)(:\d+)?)? *%/.exec(value.slice(at));
    if (!variable) {
      findings.error(
        path,
        'bad-header-value',
        `has an unfinished %VARIABLE% at position ${at + 1}`,
        'write %% for a percent sign',
      );
      return;
    }
    at += variable[0].length;
  }
}
