// The CA over real gRPC: who gets a certificate, who does not, and why.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { issueCertificate, selfSignCertificate, type Signer } from '#lib/tls/certificate.ts';
import { createCsr } from '#lib/tls/certificate-request.ts';
import type { KeyPair } from '#lib/tls/key-pair.ts';
import { generatePrivateKey, toPrivateKeyPem } from '#lib/tls/keys.ts';
import { uriSansOf } from '#lib/tls/subject-alternative-names.ts';
import { type CertificateCall, requestCertificate } from '../../../../services/agent/identity/certificate-client.ts';
import { type CaServer, startCaServer } from '../../../harness/ca-server.ts';

const HOUR = 3_600_000;
/** The connection is closed after the handshake; a call that was faster is refused by itself. */
const REFUSED = /UNAUTHENTICATED|UNAVAILABLE/;
const REVIEWS = 'spiffe://cluster.local/ns/default/sa/reviews';
let server: CaServer;
let end: AbortController;
beforeEach(async () => {
  server = await startCaServer();
  end = new AbortController();
});
afterEach(() => {
  end.abort();
  server.stop();
});

async function ask(change: Partial<CertificateCall> = {}): Promise<readonly string[]> {
  const csr = createCsr(await generatePrivateKey(), { uris: ['spiffe://cluster.local/ns/kube-system/sa/admin'] });
  const call = {
    address: server.address,
    rootsPem: server.ca.rootCertPem,
    token: 'default/reviews',
    keyPair: undefined,
    clusterId: 'Kubernetes',
    csr,
    ttlSeconds: 3600,
  };
  return requestCertificate({ ...call, ...change }, end.signal);
}
const identitiesIn = (chain: readonly string[]): string[] => uriSansOf(new X509Certificate(chain[0]!).subjectAltName);

async function foreignRoot(): Promise<Signer> {
  const privateKey = await generatePrivateKey();
  const times = { notBeforeMs: Date.now() - HOUR, notAfterMs: Date.now() + HOUR };
  const pem = selfSignCertificate(
    { subject: { organization: 'cluster.local' }, names: {}, ca: true, ...times },
    privateKey,
  );
  return { certificate: new X509Certificate(pem), privateKey };
}

async function keyPair(
  identity: string,
  sign: (csr: string, publicKey: ReturnType<typeof createPublicKey>) => string,
): Promise<KeyPair> {
  const key = await generatePrivateKey();
  return {
    certificateChainPem: sign(createCsr(key, { uris: [identity] }), createPublicKey(key)),
    privateKey: toPrivateKeyPem(key),
  };
}

test('a token gets the certificate of its service account, whatever the CSR says', async () => {
  expect(identitiesIn(await ask())).toEqual([REVIEWS]);
  expect(server.log.join()).toContain(`issued a certificate for ${REVIEWS}`);
});

test('a certificate of ours renews itself without a token', async () => {
  const own = await keyPair(REVIEWS, (csr) => server.ca.sign(csr, [REVIEWS], 3600)[0]!);
  expect(identitiesIn(await ask({ token: undefined, keyPair: own }))).toEqual([REVIEWS]);
});

test('a foreign CA, an expired certificate and a foreign trust domain are refused', async () => {
  const foreign = await foreignRoot();
  const times = { notBeforeMs: Date.now() - HOUR, notAfterMs: Date.now() + HOUR };
  const forged = await keyPair(REVIEWS, (_csr, publicKey) =>
    issueCertificate({ subject: {}, publicKey, names: { uris: [REVIEWS] }, ca: false, ...times }, foreign),
  );
  await expect(ask({ token: undefined, keyPair: forged })).rejects.toThrow(REFUSED);
  expect(server.log.join()).toMatch(/client at \S+ refused: \w+/);

  const past = await startCaServer({ now: () => Date.now() - 72 * HOUR });
  try {
    const expired = await keyPair(REVIEWS, (csr) => past.ca.sign(csr, [REVIEWS], 3600)[0]!);
    const call = { address: past.address, rootsPem: past.ca.rootCertPem, token: undefined, keyPair: expired };
    await expect(ask(call)).rejects.toThrow(REFUSED);
    expect(past.log.join()).toMatch(/client at \S+ refused: CERT_HAS_EXPIRED/);
  } finally {
    past.stop();
  }

  const other = await keyPair(
    'x',
    (csr) => server.ca.sign(csr, ['spiffe://other.domain/ns/default/sa/reviews'], 3600)[0]!,
  );
  await expect(ask({ token: undefined, keyPair: other })).rejects.toThrow(REFUSED);
  expect(server.log.join()).toContain('refused: spiffe://other.domain/ns/default/sa/reviews is not of cluster.local');
});

test.each<[string, Partial<CertificateCall>, RegExp]>([
  ['no credential', { token: undefined }, /UNAUTHENTICATED: request authenticate failure/],
  ['an unknown token', { token: 'nonsense' }, /UNAUTHENTICATED/],
  ['a token of another cluster', { clusterId: 'west' }, /UNAUTHENTICATED/],
  ['a broken CSR', { csr: 'x' }, /INVALID_ARGUMENT: CSR refused: a PEM block CERTIFICATE REQUEST/],
  ['a TTL above 90 days', { ttlSeconds: 91 * 86_400 }, /INVALID_ARGUMENT: requested TTL/],
])('%s is refused', async (_what, change, message) => {
  await expect(ask(change)).rejects.toThrow(message);
  expect(server.log.join()).not.toContain('nonsense');
});

test('an istiod of a foreign root is not talked to', async () => {
  const rootsPem = (await foreignRoot()).certificate.toString();
  await expect(ask({ rootsPem })).rejects.toThrow(/UNAVAILABLE/);
});
