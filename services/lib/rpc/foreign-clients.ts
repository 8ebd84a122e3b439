// Closes TLS connections whose client showed a certificate that does not verify or is of a foreign trust domain, right
// after the handshake: what Go's VerifyClientCertIfGiven does, which node:tls has no option for.
import type { Http2SecureServer } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Server } from '@grpc/grpc-js';
import { trustDomainOf } from '../identity/spiffe.ts';
import { uriSansOf } from '../tls/subject-alternative-names.ts';

/** Why this client is refused; undefined for clients without a certificate or with a good one. */
export function foreignClientReason(socket: TLSSocket, trustDomains: readonly string[]): string | undefined {
  const certificate = socket.getPeerCertificate();
  if (certificate.raw === undefined) return undefined;
  if (!socket.authorized) return String(socket.authorizationError);
  const foreign = uriSansOf(certificate.subjectaltname).find((uri) => !trustDomains.includes(trustDomainOf(uri) ?? ''));
  return foreign === undefined ? undefined : `${foreign} is not of ${trustDomains.join(', ')}`;
}

/**
 * Call after the server is bound. grpc-js keeps its HTTP/2 servers to itself; should that change, calls of such clients
 * are still refused one by one, by the credentials' interceptor and the authenticator.
 */
export function refuseForeignClients(
  server: Server,
  trustDomains: readonly string[],
  log: (line: string) => void = () => {},
): void {
  const { http2Servers } = server as unknown as { http2Servers?: ReadonlyMap<Http2SecureServer, unknown> };
  for (const http2Server of http2Servers?.keys() ?? []) {
    http2Server.on('secureConnection', (socket: TLSSocket) => {
      const reason = foreignClientReason(socket, trustDomains);
      if (reason === undefined) return;
      log(`client at ${socket.remoteAddress} refused: ${reason}`);
      setImmediate(() => socket.destroy());
    });
  }
}
