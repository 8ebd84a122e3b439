// Rules across the fields of a server's TLS settings.
import type { Findings } from './findings.ts';
import type { ServerTls } from './server-tls.ts';

/** Suites that Envoy's BoringSSL knows. @see https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/tls/v3/common.proto */
const CIPHER_SUITES = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'DES-CBC3-SHA',
];

export function checkServerTls(tls: ServerTls | undefined, path: string, findings: Findings): void {
  if (!tls) return;
  const mode = tls.mode ?? 'PASSTHROUGH';
  checkCiphers(tls, path, findings);
  const single = ['serverCertificate', 'privateKey', 'caCertificates', 'credentialName'] as const;
  const lists = ['tlsCertificates', 'credentialNames'] as const;
  const set = [...single.filter((name) => tls[name]), ...lists.filter((name) => (tls[name] ?? []).length > 0)];
  if (mode === 'ISTIO_MUTUAL') {
    for (const name of set)
      findings.error(`${path}.${name}`, 'conflict', 'ISTIO_MUTUAL brings its own certificates, remove it');
    return;
  }
  if ((mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') && (set.length > 0 || tls.caCrl)) {
    findings.warn(
      path,
      'no-effect',
      `${mode} does not end TLS, certificates are ignored`,
      'use mode SIMPLE to end TLS here',
    );
  }
  const sources = [
    tls.serverCertificate && tls.privateKey ? 'serverCertificate' : undefined,
    ...set.filter((name) => name === 'credentialName' || name === 'credentialNames' || name === 'tlsCertificates'),
  ].filter(Boolean);
  if (sources.length > 1)
    findings.error(path, 'conflict', `only one source of certificates is possible, got ${sources.join(' and ')}`);
  const terminating = mode === 'SIMPLE' || mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';
  const remote = tls.credentialName || (tls.credentialNames ?? []).length > 0;
  if (terminating && !remote) checkFiles(tls, mode, path, findings);
  if (tls.caCrl && tls.credentialName)
    findings.error(`${path}.caCrl`, 'conflict', 'is not possible with credentialName, put the list into the Secret');
  if (tls.caCrl && mode === 'SIMPLE' && !remote)
    findings.error(`${path}.caCrl`, 'conflict', 'is not possible with SIMPLE: clients show no certificates');
}

function checkFiles(tls: ServerTls, mode: string, path: string, findings: Findings): void {
  if (mode !== 'SIMPLE' && !tls.caCertificates)
    findings.error(`${path}.caCertificates`, 'required', `is required for ${mode}`, 'or use credentialName');
  const pairs = (tls.tlsCertificates ?? []).length > 0 ? tls.tlsCertificates! : [tls];
  for (const [index, pair] of pairs.entries()) {
    const at = pair === tls ? path : `${path}.tlsCertificates[${index}]`;
    for (const name of ['serverCertificate', 'privateKey'] as const) {
      if (!pair[name]) findings.error(`${at}.${name}`, 'required', `is required for ${mode}`, 'or use credentialName');
    }
  }
}

function checkCiphers(tls: ServerTls, path: string, findings: Findings): void {
  const suites = tls.cipherSuites ?? [];
  const low = tls.minProtocolVersion === 'TLSV1_0' || tls.minProtocolVersion === 'TLSV1_1';
  if (low && suites.length === 0) {
    findings.warn(
      `${path}.minProtocolVersion`,
      'old-tls',
      `${tls.minProtocolVersion} needs cipherSuites: the default ones begin with TLS 1.2`,
    );
  }
  for (const [index, suite] of suites.entries()) {
    if (!CIPHER_SUITES.includes(suite))
      findings.warn(`${path}.cipherSuites[${index}]`, 'unknown-value', `"${suite}" is not known and ignored`);
    else if (suites.indexOf(suite) !== index)
      findings.warn(`${path}.cipherSuites[${index}]`, 'duplicate', `"${suite}" is said twice`);
  }
}
