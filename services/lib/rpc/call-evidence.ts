// Turns a gRPC server call into the evidence that an authenticator judges: verified URI SANs and the bearer header.
import type { Metadata } from '@grpc/grpc-js';
import type { CallEvidence } from '../identity/caller.ts';
import { uriSansOf } from '../tls/subject-alternative-names.ts';

/** The part of a grpc-js server call that is looked at. */
export interface AuthenticatedCall {
  readonly metadata: Metadata;
  getAuthContext(): { readonly sslPeerCertificate?: { readonly subjectaltname?: string | undefined } | undefined };
}

/** What one gRPC call proves, before anybody judges it. */
export function callEvidence(call: AuthenticatedCall): CallEvidence {
  const certificate = call.getAuthContext().sslPeerCertificate;
  return {
    verifiedUriSans: certificate === undefined ? [] : uriSansOf(certificate.subjectaltname),
    authorization: text(call.metadata, 'authorization'),
    clusterId: text(call.metadata, 'clusterid'),
  };
}

function text(metadata: Metadata, key: string): string | undefined {
  return metadata.get(key)[0]?.toString();
}
