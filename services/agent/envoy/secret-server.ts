// SDS for a stock Envoy: serves `default` and `ROOTCA` on a Unix socket and pushes them again when they change.
import { Server, type ServerDuplexStream } from '@grpc/grpc-js';
import { secretDiscoveryService } from '#wire/grpc.ts';
import { type DiscoveryRequest, type DiscoveryResponse, packAny, TYPE_URL } from '#wire/xds.ts';
import type { AgentSecrets, SecretName } from '../identity/secret-manager.ts';

type SecretStream = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>;

/** A server with the service; who listens where is up to the caller. */
export function createSecretServer(secrets: AgentSecrets, log: (line: string) => void): Server {
  const server = new Server();
  server.addService(
    { StreamSecrets: secretDiscoveryService.StreamSecrets },
    { StreamSecrets: (stream: SecretStream) => serve(stream, secrets, log) },
  );
  return server;
}

/** One stream: the names asked for last are sent at once where they exist, and again on every change. */
function serve(stream: SecretStream, secrets: AgentSecrets, log: (line: string) => void): void {
  let wanted: readonly string[] = [];
  let counter = 0;
  let lastNonce = '';
  const send = (names: readonly string[]): void => {
    const resources = names.flatMap((name) => toResource(secrets, name));
    if (resources.length === 0) return;
    counter += 1;
    lastNonce = String(counter);
    stream.write({ versionInfo: lastNonce, nonce: lastNonce, typeUrl: TYPE_URL.secret, resources });
  };
  const stopListening = secrets.onChange((name) => {
    if (wanted.includes(name)) send([name]);
  });
  stream.on('data', (request: DiscoveryRequest) => {
    if (request.errorDetail !== undefined && request.errorDetail !== null) {
      log(`Envoy refused a secret: ${request.errorDetail.message ?? ''}`);
      return;
    }
    const names = request.resourceNames ?? [];
    const isAnswer = (request.responseNonce ?? '') !== '' && request.responseNonce === lastNonce;
    const added = names.filter((name) => !wanted.includes(name));
    wanted = names;
    if (!isAnswer) send(names);
    else if (added.length > 0) send(added);
  });
  stream.on('end', () => stream.end());
  stream.on('error', () => {});
  stream.on('close', stopListening);
  stream.on('cancelled', stopListening);
}

function toResource(secrets: AgentSecrets, name: string): ReturnType<typeof packAny>[] {
  const pack = (secret: Parameters<typeof packAny<'envoy.extensions.transport_sockets.tls.v3.Secret'>>[1]) => [
    packAny('envoy.extensions.transport_sockets.tls.v3.Secret', secret),
  ];
  switch (name as SecretName) {
    case 'default': {
      const certificate = secrets.get('default');
      if (certificate === undefined) return [];
      const { certificateChainPem, privateKey } = certificate;
      return pack({
        name,
        tlsCertificate: {
          certificateChain: { inlineString: certificateChainPem },
          privateKey: { inlineString: privateKey.reveal() },
        },
      });
    }
    case 'ROOTCA': {
      const bundle = secrets.get('ROOTCA');
      return bundle === undefined
        ? []
        : pack({ name, validationContext: { trustedCa: { inlineString: bundle.rootsPem } } });
    }
    default:
      return [];
  }
}
