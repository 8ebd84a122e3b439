// Secret discovery as an agent serves it to a stock Envoy: `default` and `ROOTCA`.
import type { handleBidiStreamingCall, Server, ServiceDefinition } from '@grpc/grpc-js';
import { secretDiscoveryService } from '../../services/wire/grpc.ts';
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  packAny,
  type Secret,
  TYPE_URL,
} from '../../services/wire/xds.ts';
import type { TestIdentity } from './test-identities.ts';

/** Adds SDS (state of the world) to a gRPC server. */
export function addSecretDiscovery(server: Server, identity: TestIdentity, rootPem: string): void {
  const secrets: Readonly<Record<string, Secret>> = {
    default: {
      name: 'default',
      tlsCertificate: {
        certificateChain: { inlineString: identity.certificateChain },
        privateKey: { inlineString: identity.privateKey },
      },
    },
    ROOTCA: { name: 'ROOTCA', validationContext: { trustedCa: { inlineString: rootPem } } },
  };
  const stream: handleBidiStreamingCall<DiscoveryRequest, DiscoveryResponse> = (call) => {
    call.on('data', (request: DiscoveryRequest) => {
      if (request.responseNonce) return;
      const resources = (request.resourceNames ?? []).flatMap((name) =>
        secrets[name] === undefined ? [] : packAny('envoy.extensions.transport_sockets.tls.v3.Secret', secrets[name]),
      );
      call.write({ typeUrl: TYPE_URL.secret, versionInfo: '1', nonce: '1', resources });
    });
    call.on('end', () => call.end());
    call.on('error', () => {});
  };
  server.addService({ StreamSecrets: secretDiscoveryService.StreamSecrets } as unknown as ServiceDefinition, {
    StreamSecrets: stream,
  });
}
