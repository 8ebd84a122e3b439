// istio.v1.auth.IstioCertificateService/CreateCertificate: who calls is proved by token or client certificate, and
// what the caller proved is what stands in the certificate.
import { type sendUnaryData, type ServerUnaryCall, status } from '@grpc/grpc-js';
import type { Authenticate } from '#lib/identity/caller.ts';
import { callEvidence } from '#lib/rpc/call-evidence.ts';
import { type CertificateAuthority, SigningError } from './authority.ts';

/** istio.v1.auth.IstioCertificateRequest */
export interface IstioCertificateRequest {
  csr?: string;
  /** Seconds; int64. */
  validityDuration?: string | number | { toString(): string };
  metadata?: { fields?: Record<string, unknown> } | Record<string, unknown> | null;
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

/** What happened to a request; the names are citadel_server_* metrics of istiod. */
export type CertificateEvent =
  | 'csr_count'
  | 'authentication_failure_count'
  | 'csr_parsing_err_count'
  | 'csr_sign_err_count'
  | 'success_cert_issuance_count';

/** What the service is made from. */
export interface CertificateServiceOptions {
  readonly ca: CertificateAuthority;
  readonly authenticate: Authenticate;
  /** Counts for metrics. */
  readonly onEvent?: (event: CertificateEvent) => void;
  readonly log?: (line: string) => void;
}

/** The CA's gRPC handlers. */
export function createCertificateService(options: CertificateServiceOptions): CertificateServiceHandlers {
  return {
    createCertificate(call, callback) {
      answer(call, options).then(
        (certChain) => callback(null, { certChain }),
        (error: unknown) => callback(toStatus(error, options)),
      );
    },
  };
}

class Refused extends Error {}

async function answer(
  call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
  { ca, authenticate, onEvent = () => {}, log = () => {} }: CertificateServiceOptions,
): Promise<string[]> {
  onEvent('csr_count');
  const caller = await authenticate(callEvidence(call));
  if (caller === undefined) throw new Refused('request authenticate failure');
  const { csr = '', validityDuration = 0, metadata } = call.request;
  if (asksForImpersonation(metadata)) {
    throw new Refused(
      'request impersonation authentication failure: no account may ask for the identities of others here',
    );
  }
  const certChain = ca.sign(csr, caller.identities, Number(validityDuration.toString()));
  onEvent('success_cert_issuance_count');
  log(`issued a certificate for ${caller.identities.join(', ')} to ${call.getPeer()}`);
  return [...certChain];
}

function asksForImpersonation(metadata: IstioCertificateRequest['metadata']): boolean {
  const fields =
    metadata === null || metadata === undefined ? {} : ((metadata['fields'] as object | undefined) ?? metadata);
  return 'ImpersonatedIdentity' in fields;
}

function toStatus(
  error: unknown,
  { onEvent = () => {}, log = () => {} }: CertificateServiceOptions,
): { code: status; details: string } {
  if (error instanceof Refused) {
    onEvent('authentication_failure_count');
    return { code: status.UNAUTHENTICATED, details: error.message };
  }
  if (error instanceof SigningError && error.code !== 'internal') {
    onEvent(error.code === 'csr' ? 'csr_parsing_err_count' : 'csr_sign_err_count');
    return { code: status.INVALID_ARGUMENT, details: error.message };
  }
  onEvent('csr_sign_err_count');
  log(`signing failed: ${(error as Error).message}`);
  return { code: status.INTERNAL, details: 'the certificate authority failed; its log says why' };
}
