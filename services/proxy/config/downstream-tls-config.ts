// DownstreamTlsContext, compiled.
import { booleanOf } from './fields.ts';
import { type CommonTlsContext, inlineCertificate, tlsVersion, validationName } from './cluster-config.ts';
import { compileSanMatchers, type SanMatcher } from './san.ts';
import type { SecretStore } from './secrets.ts';
import { unpackTyped, type TypedConfig } from './typed.ts';

export interface DownstreamTlsConfig {
  readonly certificate: string;
  /** Secret with the CA bundle for client certificates; undefined: none is asked for. */
  readonly validation: string | undefined;
  readonly requireClientCertificate: boolean;
  readonly sans: readonly SanMatcher[];
  readonly alpn: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers: string | undefined;
}

const NOT_SPOKEN = new Set(['istio-peer-exchange']);

export function compileDownstreamTls(
  typed: TypedConfig | undefined,
  secrets: SecretStore,
): DownstreamTlsConfig | undefined {
  if (typed === undefined || typed === null) return undefined;
  const { type, message } = unpackTyped(typed);
  if (type.endsWith('.RawBuffer')) return undefined;
  if (!type.endsWith('.DownstreamTlsContext')) throw new Error(`transport socket ${type} is not supported`);
  const common = (message['commonTlsContext'] ?? {}) as CommonTlsContext;
  const combined = common.combinedValidationContext;
  const rules = combined?.defaultValidationContext ?? common.validationContext ?? {};
  const certificate = common.tlsCertificateSdsSecretConfigs?.[0]?.name ?? inlineCertificate(common, secrets);
  if (certificate === undefined) throw new Error('a DownstreamTlsContext needs a certificate');
  const ciphers = (common.tlsParams as { cipherSuites?: string[] } | undefined)?.cipherSuites;
  return {
    certificate,
    validation: validationName(common, secrets),
    requireClientCertificate: booleanOf(message['requireClientCertificate'], false),
    sans: compileSanMatchers(rules.matchTypedSubjectAltNames, rules.matchSubjectAltNames),
    // What is not spoken is not agreed to: the TCP metadata exchange.
    alpn: (common.alpnProtocols ?? []).filter((protocol) => !NOT_SPOKEN.has(protocol)),
    minVersion: tlsVersion(common.tlsParams?.tlsMinimumProtocolVersion, 'TLSv1.2'),
    maxVersion: tlsVersion(common.tlsParams?.tlsMaximumProtocolVersion, 'TLSv1.3'),
    ciphers: ciphers?.length ? ciphers.join(':') : undefined,
  };
}
