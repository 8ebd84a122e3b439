// Certificates of gateways by SDS: `kubernetes://<credentialName>`, and `-cacert` for clients' roots.
import type { Model } from '../model/build.ts';
import { gatewayPorts } from './gateway-servers.ts';
import type { ProxyNode } from './proxy-node.ts';
import type { Generated } from './values.ts';

const type = 'envoy.extensions.transport_sockets.tls.v3.Secret';
const bytes = (text: string) => ({ inlineBytes: new TextEncoder().encode(text) });

export function generateSecrets(model: Model, proxy: ProxyNode): Generated<typeof type>[] {
  if (proxy.kind !== 'router') return [];
  const secrets = new Map<string, Generated<typeof type>>();
  for (const { server } of gatewayPorts(model, proxy).flatMap((it) => it.entries)) {
    const name = server.tls?.credentialName;
    // Only Secrets of the gateway's own namespace: a Gateway must not read those of others.
    const credential = name ? model.credentials.get(`${proxy.namespace}/${name}`) : undefined;
    if (!name || !credential) continue;
    const own = `kubernetes://${name}`;
    secrets.set(own, {
      name: own,
      type,
      message: {
        name: own,
        tlsCertificate: {
          certificateChain: bytes(credential.certificateChain),
          privateKey: bytes(credential.privateKey),
        },
      },
    });
    const ca = model.credentials.get(`${proxy.namespace}/${name}-cacert`)?.ca ?? credential.ca;
    if (ca !== undefined)
      secrets.set(`${own}-cacert`, {
        name: `${own}-cacert`,
        type,
        message: { name: `${own}-cacert`, validationContext: { trustedCa: bytes(ca) } },
      });
  }
  return [...secrets.values()];
}
