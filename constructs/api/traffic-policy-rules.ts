// Rules across the fields of a traffic policy: connection pool, load balancer, outlier detection, TLS, tunnel.
import { checkPercent, checkPort } from './checks.ts';
import type { Findings } from './findings.ts';
import { faultOfHost, isIp } from './hosts.ts';
import { joinPath } from './problem.ts';
import type {
  ClientTls,
  ConnectionPool,
  LoadBalancer,
  OutlierDetection,
  PortTrafficPolicy,
  TrafficPolicy,
} from './traffic-policy.ts';

const MAGLEV_LIMIT = 5_000_011;

export function checkTrafficPolicy(
  policy: TrafficPolicy | undefined,
  path: string,
  findings: Findings,
  namespace: string,
): void {
  if (!policy) return;
  if (Object.values(policy).every((value) => value === undefined))
    findings.error(path, 'required', 'needs at least one field');
  if (policy.tunnel && policy.proxyProtocol)
    findings.error(path, 'conflict', 'only one of tunnel and proxyProtocol is possible');
  checkParts(policy, path, findings, namespace);
  for (const [index, each] of (policy.portLevelSettings ?? []).entries()) {
    const at = joinPath(`${path}.portLevelSettings`, index);
    if (!each.port) findings.error(`${at}.port`, 'required', 'is required');
    else checkPort(each.port.number, `${at}.port.number`, findings);
    if (!each.connectionPool && !each.loadBalancer && !each.outlierDetection && !each.tls) {
      findings.error(at, 'required', 'needs at least one of connectionPool, loadBalancer, outlierDetection, tls');
    }
    checkParts(each, at, findings, namespace);
  }
  const { tunnel } = policy;
  if (!tunnel) return;
  if (tunnel.protocol && tunnel.protocol !== 'CONNECT' && tunnel.protocol !== 'POST') {
    findings.error(`${path}.tunnel.protocol`, 'unknown-value', `must be CONNECT or POST, got "${tunnel.protocol}"`);
  }
  if (!isIp(tunnel.targetHost)) {
    const fault = faultOfHost(tunnel.targetHost);
    if (fault) findings.error(`${path}.tunnel.targetHost`, 'bad-host', fault);
  }
  checkPort(tunnel.targetPort, `${path}.tunnel.targetPort`, findings);
}

function checkParts(
  policy: PortTrafficPolicy | TrafficPolicy,
  path: string,
  findings: Findings,
  namespace: string,
): void {
  checkOutlierDetection(policy.outlierDetection, `${path}.outlierDetection`, findings);
  checkConnectionPool(policy.connectionPool, `${path}.connectionPool`, findings);
  checkLoadBalancer(policy.loadBalancer, policy.outlierDetection, `${path}.loadBalancer`, findings);
  checkClientTls(policy.tls, `${path}.tls`, findings, namespace);
}

function checkOutlierDetection(outlier: OutlierDetection | undefined, path: string, findings: Findings): void {
  if (!outlier) return;
  if (outlier.consecutiveErrors) {
    findings.warn(
      `${path}.consecutiveErrors`,
      'deprecated-field',
      'is deprecated, use consecutiveGatewayErrors or consecutive5xxErrors',
    );
  }
  if (!outlier.splitExternalLocalOriginErrors && (outlier.consecutiveLocalOriginFailures ?? 0) > 0) {
    findings.error(
      `${path}.consecutiveLocalOriginFailures`,
      'conflict',
      'has no effect without splitExternalLocalOriginErrors: true',
    );
  }
  checkPercent(outlier.maxEjectionPercent, `${path}.maxEjectionPercent`, findings);
  checkPercent(outlier.minHealthPercent, `${path}.minHealthPercent`, findings);
}

export function checkConnectionPool(pool: ConnectionPool | undefined, path: string, findings: Findings): void {
  if (!pool) return;
  const { http, tcp } = pool;
  if (!http && !tcp) findings.error(path, 'required', 'needs http or tcp');
  for (const name of [
    'http1MaxPendingRequests',
    'http2MaxRequests',
    'maxRequestsPerConnection',
    'maxRetries',
    'maxConcurrentStreams',
  ] as const) {
    if ((http?.[name] ?? 0) < 0)
      findings.error(`${path}.http.${name}`, 'out-of-range', `must be at least 0, got ${http?.[name]}`);
  }
  if (http?.h2UpgradePolicy === 'UPGRADE' && http.useClientProtocol) {
    findings.error(`${path}.http.useClientProtocol`, 'conflict', 'is not possible with h2UpgradePolicy UPGRADE');
  }
  for (const name of ['interval', 'timeout'] as const) {
    if (http?.http2KeepAlive && http.http2KeepAlive[name] === undefined)
      findings.error(`${path}.http.http2KeepAlive.${name}`, 'required', 'is required');
  }
  if ((tcp?.maxConnections ?? 0) < 0)
    findings.error(`${path}.tcp.maxConnections`, 'out-of-range', `must be at least 0, got ${tcp?.maxConnections}`);
}

function checkLoadBalancer(
  balancer: LoadBalancer | undefined,
  outlier: OutlierDetection | undefined,
  path: string,
  findings: Findings,
): void {
  if (!balancer) return;
  const hash = balancer.consistentHash;
  if (hash) {
    if (hash.httpCookie?.name === '')
      findings.error(`${path}.consistentHash.httpCookie.name`, 'required', 'must not be empty');
    const names = new Set<string>();
    for (const [index, attribute] of (hash.httpCookie?.attributes ?? []).entries()) {
      const at = `${joinPath(`${path}.consistentHash.httpCookie.attributes`, index)}.name`;
      if (attribute.name === '') findings.error(at, 'required', 'must not be empty');
      else if (names.has(attribute.name)) findings.error(at, 'duplicate', `"${attribute.name}" is said twice`);
      names.add(attribute.name);
    }
    if (hash.minimumRingSize && (hash.ringHash || hash.maglev))
      findings.error(`${path}.consistentHash.minimumRingSize`, 'conflict', 'is not possible with ringHash or maglev');
    if (hash.maglev) checkMaglev(hash.maglev.tableSize ?? 0, `${path}.consistentHash.maglev.tableSize`, findings);
  }
  if (balancer.localityLbSetting && balancer.zoneAwareLbSetting)
    findings.error(path, 'conflict', 'only one of localityLbSetting and zoneAwareLbSetting is possible');
  checkLocality(balancer.localityLbSetting, outlier, `${path}.localityLbSetting`, findings);
  if (balancer.warmup?.aggression === 0) findings.error(`${path}.warmup.aggression`, 'out-of-range', 'must be above 0');
}

function checkMaglev(size: number, path: string, findings: Findings): void {
  if (size === 0) findings.error(path, 'required', 'is required');
  else if (size >= MAGLEV_LIMIT) findings.error(path, 'out-of-range', `must be below ${MAGLEV_LIMIT}, got ${size}`);
  else if (!isPrime(size))
    findings.error(path, 'not-prime', `must be a prime number, got ${size}`, 'the default is 65537');
}

function isPrime(value: number): boolean {
  if (value < 4) return value > 0;
  if (value % 2 === 0) return false;
  for (let factor = 3; factor * factor <= value; factor += 2) if (value % factor === 0) return false;
  return true;
}

function checkLocality(
  setting: LoadBalancer['localityLbSetting'],
  outlier: OutlierDetection | undefined,
  path: string,
  findings: Findings,
): void {
  if (!setting) return;
  if (setting.distribute?.length && (setting.failover?.length || setting.failoverPriority?.length)) {
    findings.error(path, 'conflict', 'distribute is not possible together with failover or failoverPriority');
  }
  const froms: string[] = [];
  for (const [index, rule] of (setting.distribute ?? []).entries()) {
    const at = joinPath(`${path}.distribute`, index);
    const from = rule.from ?? '';
    const overlap = froms.find((other) => localitiesOverlap(other, from));
    if (overlap !== undefined)
      findings.error(`${at}.from`, 'overlap', `"${from}" overlaps "${overlap}" of an earlier entry`);
    froms.push(from);
    const sum = Object.values(rule.to ?? {}).reduce((total, weight) => total + weight, 0);
    if (sum !== 100) findings.error(`${at}.to`, 'bad-weight', `the shares must sum to 100, got ${sum}`);
  }
  for (const [index, rule] of (setting.failover ?? []).entries()) {
    if (rule.from === rule.to)
      findings.error(
        joinPath(`${path}.failover`, index),
        'conflict',
        `from and to must differ, both are "${rule.from ?? ''}"`,
      );
  }
  if ((setting.failover?.length || setting.failoverPriority?.length) && !outlier) {
    findings.warn(path, 'no-outlier-detection', 'failover works only with outlierDetection', 'add outlierDetection');
  }
}

function localitiesOverlap(a: string, b: string): boolean {
  const left = a.split('/');
  const right = b.split('/');
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] === '*' || right[i] === '*') return true;
    if (left[i] !== right[i]) return false;
  }
  return true;
}

function checkClientTls(tls: ClientTls | undefined, path: string, findings: Findings, namespace: string): void {
  if (!tls) return;
  const mode = tls.mode ?? 'DISABLE';
  const files = [tls.clientCertificate, tls.privateKey, tls.caCertificates, tls.caCrl].some(Boolean);
  if (tls.credentialName?.startsWith('configmap://')) {
    const [of] = tls.credentialName.slice('configmap://'.length).split('/');
    if (of !== namespace)
      findings.error(
        `${path}.credentialName`,
        'bad-reference',
        `must name a ConfigMap of the resource's own namespace ("${namespace}")`,
      );
  }
  if (
    tls.insecureSkipVerify &&
    (mode === 'SIMPLE' || mode === 'MUTUAL') &&
    (tls.caCertificates || tls.subjectAltNames)
  ) {
    findings.error(`${path}.insecureSkipVerify`, 'conflict', 'is not possible with caCertificates or subjectAltNames');
  }
  if (tls.insecureSkipVerify && mode === 'SIMPLE' && tls.credentialName)
    findings.error(`${path}.insecureSkipVerify`, 'conflict', 'is not possible with credentialName');
  if ((mode === 'SIMPLE' || mode === 'MUTUAL') && tls.credentialName) {
    if (files) findings.error(path, 'conflict', 'files of certificates are not possible together with credentialName');
    return;
  }
  if (mode === 'MUTUAL') {
    for (const name of ['clientCertificate', 'privateKey'] as const) {
      if (!tls[name])
        findings.error(
          `${path}.${name}`,
          'required',
          'is required for MUTUAL',
          'or use ISTIO_MUTUAL, which needs no files',
        );
    }
  }
  if (mode === 'ISTIO_MUTUAL' && files)
    findings.error(path, 'conflict', 'ISTIO_MUTUAL brings its own certificates, remove the files');
}
