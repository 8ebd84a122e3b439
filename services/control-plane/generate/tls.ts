// TLS contexts: mutual TLS of the mesh by SDS (`default`, `ROOTCA`), and what a DestinationRule or Gateway asks for.
import type { ClientTls } from '#api/traffic-policy.ts';
import type { CommonTlsContext, DownstreamTlsContext, UpstreamTlsContext } from '#wire/xds.ts';

const tlsParameters = { tlsMinimumProtocolVersion: 'TLSv1_2', tlsMaximumProtocolVersion: 'TLSv1_3' } as const;

const sds = (name: string) => ({ name, sdsConfig: { ads: {}, resourceApiVersion: 'V3' as const } });

/** Certificates of gateways come from the control plane, those of workloads from their agent. */
const workloadSds = (name: string) => ({
  name,
  sdsConfig: {
    apiConfigSource: {
      apiType: 'GRPC' as const,
      transportApiVersion: 'V3' as const,
      setNodeOnFirstMessageOnly: true,
      grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }],
    },
    initialFetchTimeout: { seconds: 0 },
    resourceApiVersion: 'V3' as const,
  },
});

function meshContext(
  alpn: readonly string[],
  trusted: readonly ({ readonly exact: string } | { readonly prefix: string })[],
): CommonTlsContext {
  return {
    tlsParams: tlsParameters,
    alpnProtocols: alpn,
    tlsCertificateSdsSecretConfigs: [workloadSds('default')],
    combinedValidationContext: {
      defaultValidationContext: {
        matchTypedSubjectAltNames: trusted.map((matcher) => ({ sanType: 'URI' as const, matcher })),
      },
      validationContextSdsSecretConfig: workloadSds('ROOTCA'),
    },
  };
}

/** Towards a sidecar: our certificate, its SPIFFE identity checked. */
export const meshUpstream = (
  sni: string,
  alpn: readonly string[],
  identities: readonly string[],
): UpstreamTlsContext => ({
  commonTlsContext: meshContext(
    alpn,
    identities.map((exact) => ({ exact })),
  ),
  sni,
});

/** From a sidecar: a certificate of our trust domain is required. */
export const meshDownstream = (alpn: readonly string[], trustDomain: string): DownstreamTlsContext => ({
  commonTlsContext: meshContext(alpn, [{ prefix: `spiffe://${trustDomain}/` }]),
  requireClientCertificate: { value: true },
  disableStatefulSessionResumption: true,
  disableStatelessSessionResumption: true,
});

/** What `trafficPolicy.tls` of a DestinationRule asks for; undefined where it asks for none or for the mesh's. */
export function ruleUpstream(tls: ClientTls, sni: string): UpstreamTlsContext | undefined {
  if (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL') return undefined;
  const names = (tls.subjectAltNames ?? []).map((exact) => ({ sanType: 'DNS' as const, matcher: { exact } }));
  const validation = {
    ...(names.length > 0 ? { matchTypedSubjectAltNames: names } : {}),
    ...(tls.caCertificates ? { trustedCa: { filename: tls.caCertificates } } : {}),
  };
  return {
    sni: tls.sni ?? sni,
    commonTlsContext: {
      tlsParams: tlsParameters,
      ...(tls.mode === 'MUTUAL' && tls.clientCertificate && tls.privateKey
        ? {
            tlsCertificates: [
              { certificateChain: { filename: tls.clientCertificate }, privateKey: { filename: tls.privateKey } },
            ],
          }
        : {}),
      validationContext: validation,
    },
  };
}

/** A gateway's server with `credentialName`. */
export const credentialDownstream = (
  credential: string,
  mutual: boolean,
  alpn: readonly string[],
): DownstreamTlsContext => ({
  commonTlsContext: {
    tlsParams: tlsParameters,
    alpnProtocols: alpn,
    tlsCertificateSdsSecretConfigs: [sds(`kubernetes://${credential}`)],
    ...(mutual ? { validationContextSdsSecretConfig: sds(`kubernetes://${credential}-cacert`) } : {}),
  },
  requireClientCertificate: { value: mutual },
});
