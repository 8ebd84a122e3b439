// istio.v1.auth.IstioCertificateService/CreateCertificate: who calls is proved by token or client certificate, and
// what the caller proved is what stands in the certificate.
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { Authenticate } from '#lib/identity/caller.ts';
import type { CertificateAuthority } from './authority.ts';

/** istio.v1.auth.IstioCertificateRequest */
export interface IstioCertificateRequest {
  csr: string;
  validityDuration: string | number;
  metadata?: { fields?: Record<string, unknown> };
}
/** istio.v1.auth.IstioCertificateResponse */
export interface IstioCertificateResponse {
  certChain: string[];
}

/** Handlers to pass to grpc `server.addService(istioCertificateService, handlers)`. */
export interface CertificateServiceHandlers {
  createCertificate(
    call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
    callback: sendUnaryData<IstioCertificateResponse>,
  ): void;
}

/** The CA's gRPC handlers. */
export function createCertificateService(_options: {
  readonly ca: CertificateAuthority;
  readonly authenticate: Authenticate;
  readonly log?: (line: string) => void;
}): CertificateServiceHandlers {
  throw new Error('BUG: the certificate service is not built yet');
}
