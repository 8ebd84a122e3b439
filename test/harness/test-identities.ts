// Certificate authorities and workload identities for tests of mutual TLS.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { issueCertificate, selfSignCertificate, type Signer } from '#lib/tls/certificate.ts';
import { generatePrivateKey, toPrivateKeyPem } from '#lib/tls/keys.ts';

export interface TestAuthority extends Signer {
  readonly rootPem: string;
}

export interface TestIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
}

const HOUR_MS = 3_600_000;

export async function testAuthority(name = 'cluster.local'): Promise<TestAuthority> {
  const privateKey = await generatePrivateKey();
  const now = Date.now();
  const rootPem = selfSignCertificate(
    {
      subject: { organization: name },
      names: {},
      ca: true,
      notBeforeMs: now - HOUR_MS,
      notAfterMs: now + 10 * HOUR_MS,
    },
    privateKey,
  );
  return { certificate: new X509Certificate(rootPem), privateKey, rootPem };
}

/** `uri` such as `spiffe://cluster.local/ns/default/sa/a`; `expired` ended a minute ago. */
export async function testIdentity(authority: TestAuthority, uri: string, expired = false): Promise<TestIdentity> {
  const privateKey = await generatePrivateKey();
  const now = Date.now();
  const certificateChain = issueCertificate(
    {
      subject: {},
      publicKey: createPublicKey(privateKey),
      names: { uris: [uri] },
      ca: false,
      notBeforeMs: now - HOUR_MS,
      notAfterMs: expired ? now - 60_000 : now + HOUR_MS,
    },
    authority,
  );
  return { certificateChain, privateKey: toPrivateKeyPem(privateKey).reveal() };
}
