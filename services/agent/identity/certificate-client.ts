// Asks istiod's CA for a certificate: CreateCertificate over TLS that is verified against the mounted mesh root, with the
// pod's token; when the token is gone, with the certificate that is still valid.
import { Client, credentials, type ChannelCredentials, Metadata, status } from '@grpc/grpc-js';
import type { KeyPair } from '#lib/tls/key-pair.ts';
import { type IstioCertificateResponse, istioCertificateService } from '#wire/ca.ts';

/** Channel options that all connections to istiod share. */
export const CHANNEL_OPTIONS = {
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
} as const;

const DEADLINE_MS = 10_000;
const MAX_CHAIN_ELEMENTS = 16;

/** One request to the CA. */
export interface CertificateCall {
  /** `istiod.istio-system.svc:15012` */
  readonly address: string;
  readonly rootsPem: string;
  readonly token: string | undefined;
  /** Shown instead of a token. */
  readonly keyPair: KeyPair | undefined;
  readonly clusterId: string;
  readonly csr: string;
  readonly ttlSeconds: number;
}

/** PEM elements: leaf first, the root bundle last. Aborts with the signal; fails after ten seconds. */
export async function requestCertificate(call: CertificateCall, signal: AbortSignal): Promise<readonly string[]> {
  const client = new Client(`dns:///${call.address}`, channelCredentials(call), CHANNEL_OPTIONS);
  try {
    const { certChain = [] } = await send(client, call, signal);
    if (certChain.length < 2 || certChain.length > MAX_CHAIN_ELEMENTS) {
      throw new Error(
        `the CA at ${call.address} answered ${certChain.length} certificates; a leaf and a root are expected`,
      );
    }
    return certChain;
  } finally {
    client.close();
  }
}

function send(client: Client, call: CertificateCall, signal: AbortSignal): Promise<IstioCertificateResponse> {
  const { path, requestSerialize, responseDeserialize } = istioCertificateService.CreateCertificate;
  const metadata = new Metadata();
  metadata.set('clusterid', call.clusterId);
  if (call.token !== undefined) metadata.set('authorization', `Bearer ${call.token}`);
  const request = { csr: call.csr, validityDuration: call.ttlSeconds };
  const deadline = { deadline: Date.now() + DEADLINE_MS };
  return new Promise((resolve, reject) => {
    const running = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      deadline,
      (error, answer) => {
        signal.removeEventListener('abort', abort);
        if (error !== null)
          reject(new Error(`certificate request to ${call.address}: ${status[error.code]}: ${error.details}`));
        else resolve(answer ?? {});
      },
    );
    const abort = (): void => running.cancel();
    signal.addEventListener('abort', abort, { once: true });
  });
}

function channelCredentials(call: CertificateCall): ChannelCredentials {
  const roots = Buffer.from(call.rootsPem);
  if (call.token !== undefined || call.keyPair === undefined) return credentials.createSsl(roots);
  const { privateKey, certificateChainPem } = call.keyPair;
  return credentials.createSsl(roots, Buffer.from(privateKey.reveal()), Buffer.from(certificateChainPem));
}
