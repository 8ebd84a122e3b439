// Certificates and requests, judged by openssl.
import { execFileSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chainProblem, issueCertificate, type Signer, selfSignCertificate } from '#lib/tls/certificate.ts';
import { createCsr, MAX_CSR_BYTES, parseCsr } from '#lib/tls/certificate-request.ts';
import {
  generatePrivateKey,
  type KeyAlgorithm,
  parsePrivateKey,
  toPrivateKeyPem,
  writePrivateKey,
} from '#lib/tls/keys.ts';
import { parseCertificates, parsePem, toPem } from '#lib/tls/pem.ts';
import { uriSansOf } from '#lib/tls/subject-alternative-names.ts';

const HOUR = 3_600_000;
const NOW = Date.now();
const IDENTITY = 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews';
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'rigging-tls-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}
const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

async function root(organization: string, algorithm: KeyAlgorithm = 'ec-p256'): Promise<Signer & { pem: string }> {
  const privateKey = await generatePrivateKey(algorithm);
  const pem = selfSignCertificate(
    { subject: { organization }, names: {}, ca: true, notBeforeMs: NOW - HOUR, notAfterMs: NOW + 24 * HOUR },
    privateKey,
  );
  return { privateKey, pem, certificate: new X509Certificate(pem) };
}

describe.each<KeyAlgorithm>(['ec-p256', 'rsa-2048'])('with %s keys', (algorithm) => {
  test('openssl accepts our CSR, and we read it back', async () => {
    const key = await generatePrivateKey(algorithm);
    const csr = createCsr(key, { uris: [IDENTITY] }, { organization: 'cluster.local' });
    const text = openssl('req', '-verify', '-noout', '-text', '-in', file('a.csr', csr));
    expect(text).toContain(`URI:${IDENTITY}`);
    expect(parseCsr(csr).publicKey.equals(createPublicKey(key))).toBe(true);
  });

  test('a workload certificate is what istiod would issue', async () => {
    const ca = await root('cluster.local', algorithm);
    const key = await generatePrivateKey(algorithm);
    const pem = issueCertificate(
      {
        subject: {},
        publicKey: createPublicKey(key),
        names: { uris: [IDENTITY] },
        ca: false,
        notBeforeMs: NOW - 120_000,
        notAfterMs: NOW + HOUR,
      },
      ca,
    );
    expect(openssl('verify', '-x509_strict', '-CAfile', file('ca.pem', ca.pem), file('leaf.pem', pem))).toContain(
      ': OK',
    );
    const text = openssl('x509', '-noout', '-text', '-in', join(dir, 'leaf.pem'));
    expect(text).toMatch(/X509v3 Subject Alternative Name: critical\s+URI:spiffe:\/\/cluster\.local/);
    expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
    expect(text).toMatch(
      /X509v3 Extended Key Usage: \s+TLS Web Server Authentication, TLS Web Client Authentication\n/,
    );
    expect(text).toMatch(/X509v3 Basic Constraints: critical\s+CA:FALSE/);
    expect(uriSansOf(new X509Certificate(pem).subjectAltName)).toEqual([IDENTITY]);
    expect(chainProblem(parseCertificates(pem), [ca.certificate], NOW)).toBeUndefined();
  });
});

test('a CSR made by openssl is read', () => {
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', join(dir, 'o.key'));
  openssl('req', '-new', '-key', join(dir, 'o.key'), '-subj', '/O=Istio/CN=reviews', '-out', join(dir, 'o.csr'));
  expect(parseCsr(openssl('req', '-in', join(dir, 'o.csr'))).commonName).toBe('reviews');
});

test.each([
  ['a small RSA key', ['genrsa', '-out'], ['1024'], /RSA key of 1024 bits/],
  ['an odd curve', ['ecparam', '-name', 'secp256k1', '-genkey', '-noout', '-out'], [], /curve secp256k1/],
  ['an Ed25519 key', ['genpkey', '-algorithm', 'ed25519', '-out'], [], /ed25519/],
])('a CSR with %s is refused', (_what, before, after, message) => {
  openssl(...before, join(dir, 'weak.key'), ...after);
  openssl('req', '-new', '-key', join(dir, 'weak.key'), '-subj', '/O=x', '-out', join(dir, 'weak.csr'));
  expect(() => parseCsr(openssl('req', '-in', join(dir, 'weak.csr')))).toThrow(message);
});

test('a CSR whose signature is another key’s, or that is too large, is refused', async () => {
  const [a, b] = await Promise.all([generatePrivateKey(), generatePrivateKey()]);
  const der = (pem: string): Buffer => parsePem(pem)[0]!.der;
  const one = der(createCsr(a, { uris: [IDENTITY] }));
  const two = der(createCsr(b, { uris: [IDENTITY] }));
  const spki = (key: typeof a): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });
  const at = one.indexOf(spki(a));
  const forged = Buffer.concat([one.subarray(0, at), spki(b), one.subarray(at + spki(b).length)]);
  expect(two.length).toBeGreaterThan(0);
  expect(() => parseCsr(toPem('CERTIFICATE REQUEST', forged))).toThrow(/signature does not fit/);
  expect(() => parseCsr('x'.repeat(MAX_CSR_BYTES + 1))).toThrow(/at most 16384/);
});

test('chains: intermediate accepted, foreign root, expired and not-yet-valid refused', async () => {
  const [ca, foreign] = await Promise.all([root('a'), root('a')]);
  const key = await generatePrivateKey();
  const middle = issueCertificate(
    {
      subject: { organization: 'middle' },
      publicKey: createPublicKey(key),
      names: {},
      ca: true,
      notBeforeMs: NOW - HOUR,
      notAfterMs: NOW + HOUR,
    },
    ca,
  );
  const leafKey = await generatePrivateKey();
  const leaf = (notBeforeMs: number, notAfterMs: number): string =>
    issueCertificate(
      {
        subject: {},
        publicKey: createPublicKey(leafKey),
        names: { uris: [IDENTITY] },
        ca: false,
        notBeforeMs,
        notAfterMs,
      },
      { certificate: new X509Certificate(middle), privateKey: key },
    );
  const chain = parseCertificates(leaf(NOW - HOUR, NOW + HOUR) + middle);
  expect(chainProblem(chain, [ca.certificate], NOW)).toBeUndefined();
  expect(chainProblem(chain, [foreign.certificate], NOW)).toMatch(/signed by none of the 1 roots/);
  expect(chainProblem(chain, [ca.certificate], NOW + 3 * HOUR)).toMatch(/expired/);
  expect(chainProblem(parseCertificates(leaf(NOW + 60_000, NOW + HOUR) + middle), [ca.certificate], NOW)).toMatch(
    /valid only from/,
  );
  expect(chainProblem([chain[1]!, chain[0]!], [foreign.certificate], NOW)).toMatch(/1 is not signed by certificate 2/);
  openssl(
    'verify',
    '-CAfile',
    file('root.pem', ca.pem),
    '-untrusted',
    file('middle.pem', middle),
    file('l.pem', leaf(NOW - HOUR, NOW + HOUR)),
  );
});

test('a certificate never outlives its signer', async () => {
  const ca = await root('a');
  const pem = issueCertificate(
    {
      subject: {},
      publicKey: ca.certificate.publicKey,
      names: { uris: [IDENTITY] },
      ca: false,
      notBeforeMs: NOW,
      notAfterMs: NOW + 999 * HOUR,
    },
    ca,
  );
  expect(new X509Certificate(pem).validTo).toBe(ca.certificate.validTo);
});

test('times after 2049 are written as generalized time', async () => {
  const notAfterMs = Date.UTC(2061, 4, 6, 7, 8, 9);
  const pem = selfSignCertificate(
    { subject: { organization: 'x' }, names: {}, ca: true, notBeforeMs: NOW, notAfterMs },
    await generatePrivateKey(),
  );
  expect(openssl('x509', '-noout', '-enddate', '-in', file('far.pem', pem)).trim()).toBe(
    'notAfter=May  6 07:08:09 2061 GMT',
  );
});

test('private keys print as redacted and are written for their owner alone', async () => {
  const key = await generatePrivateKey();
  const pem = toPrivateKeyPem(key);
  expect(`${pem} ${JSON.stringify({ pem })} ${inspect({ pem })} ${inspect(key)}`).not.toContain('PRIVATE KEY');
  await writePrivateKey(join(dir, 'key.pem'), pem);
  expect(statSync(join(dir, 'key.pem')).mode & 0o777).toBe(0o600);
  expect(parsePrivateKey(pem).equals(key)).toBe(true);
  const broken = pem.reveal().replace('MIG', 'XXX');
  expect(() => parsePrivateKey(broken)).toThrow(/^private key does not parse/);
});
