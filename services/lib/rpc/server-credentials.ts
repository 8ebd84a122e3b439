// gRPC server credentials as istiod's port 15012 needs them: a client certificate is optional, but one that is shown
// must verify; the server's own certificate and the client roots can be exchanged while connections are open.
import { constants } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import {
  Metadata,
  type ServerInterceptingCallInterface,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import type { KeyPair } from '../tls/key-pair.ts';

/** What the port presents and whom it trusts. */
export interface ServerIdentity {
  readonly keyPair: KeyPair;
  /** PEM bundle that client certificates are verified against. */
  readonly clientRootsPem: string;
}

/** Credentials of a TLS port whose certificate can rotate. */
export class RotatingServerCredentials extends ServerCredentials {
  constructor(identity: ServerIdentity) {
    super(
      {
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        secureOptions: constants.SSL_OP_NO_TICKET,
      },
      toContext(identity),
    );
  }

  /** Presents a new certificate to connections that open from now on. */
  update(identity: ServerIdentity): void {
    this.updateSecureContextOptions(toContext(identity));
  }

  override _getInterceptors(): ServerInterceptor[] {
    return [refuseUnverifiedCertificate];
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function toContext(identity: ServerIdentity): { ca: string; cert: string; key: string } {
  return {
    ca: identity.clientRootsPem,
    cert: identity.keyPair.certificateChainPem,
    key: identity.keyPair.privateKey.reveal(),
  };
}

/** A certificate that does not verify must not fall back to "no certificate": the call is refused, with the reason. */
const refuseUnverifiedCertificate: ServerInterceptor = (_method, call) => {
  const socket = socketOf(call);
  if (socket === undefined || socket.authorized || !hasPeerCertificate(socket)) return new ServerInterceptingCall(call);
  const details = `client certificate refused: ${String(socket.authorizationError)}`;
  return new ServerInterceptingCall(call, {
    start: (next) => {
      next({
        onReceiveMetadata: () => call.sendStatus({ code: status.UNAUTHENTICATED, details, metadata: new Metadata() }),
      });
    },
  });
};

function hasPeerCertificate(socket: TLSSocket): boolean {
  return socket.getPeerCertificate().raw !== undefined;
}

/** grpc-js keeps the HTTP/2 stream private; only the socket says whether an unverified certificate was shown. */
function socketOf(call: ServerInterceptingCallInterface): TLSSocket | undefined {
  const { stream } = call as unknown as { stream?: { session?: { socket?: TLSSocket } } };
  return stream?.session?.socket;
}
