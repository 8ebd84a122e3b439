// The x-forwarded-client-cert element of a client: By, Hash, Subject, URI, DNS.
import type { TlsPeer } from './connection-info.ts';

export function clientCertHeader(
  peer: TlsPeer,
  set: { readonly subject: boolean; readonly uri: boolean; readonly dns: boolean },
): string {
  const parts: string[] = [];
  if (peer.localUri !== '') parts.push(`By=${peer.localUri}`);
  parts.push(`Hash=${peer.fingerprint}`);
  if (set.subject) parts.push(`Subject="${peer.subject.replaceAll('"', '\\"')}"`);
  if (set.uri) for (const uri of peer.uriSans) parts.push(`URI=${uri}`);
  if (set.dns) for (const dns of peer.dnsSans) parts.push(`DNS=${dns}`);
  return parts.join(';');
}
