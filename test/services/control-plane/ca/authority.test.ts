import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chainProblem, issueCertificate, selfSignCertificate } from '#lib/tls/certificate.ts';
import { createCsr } from '#lib/tls/certificate-request.ts';
import { generatePrivateKey, toPrivateKeyPem } from '#lib/tls/keys.ts';
import { parseCertificates } from '#lib/tls/pem.ts';
import { uriSansOf } from '#lib/tls/subject-alternative-names.ts';
import {
  type CaOptions,
  type CertificateAuthority,
  createCa,
  type SigningError,
} from '../../../../services/control-plane/ca/authority.ts';
import { istiodDnsNames } from '../../../../services/control-plane/ca/server-identity.ts';
import { fetchSelfSigned, refreshSelfSigned, ROOT_TTL_MS } from '../../../../services/control-plane/ca/self-signed.ts';
import { type MemorySecret, memoryStore } from './memory-store.ts';

const IDENTITY = 'spiffe://cluster.local/ns/default/sa/reviews';
let end: AbortController;
let secret: MemorySecret;
beforeEach(() => {
  end = new AbortController();
  secret = { data: undefined, version: 0 };
});
afterEach(() => end.abort());

const make = (options: Partial<CaOptions> = {}): Promise<CertificateAuthority> =>
  createCa(
    { trustDomain: 'cluster.local', store: memoryStore(secret), pluggedInDir: '/nowhere', ...options },
    end.signal,
  );
const csr = async (): Promise<string> =>
  createCsr(await generatePrivateKey(), { uris: ['spiffe://evil/ns/kube-system/sa/admin'] });

test('a CSR is answered with the proved identity, not the one it names', async () => {
  const ca = await make();
  const chain = ca.sign(await csr(), [IDENTITY], 0);
  const certificates = chain.flatMap((pem) => parseCertificates(pem));
  expect(uriSansOf(certificates[0]!.subjectAltName)).toEqual([IDENTITY]);
  expect(chain).toHaveLength(2);
  expect(chain.at(-1)).toBe(ca.rootCertPem);
  expect(chainProblem(certificates, parseCertificates(ca.rootCertPem), Date.now())).toBeUndefined();
});

test.each([
  [0, 86_400],
  [-5, 86_400],
  [600, 600],
])('a TTL of %d s gives %d s', async (asked, given) => {
  const now = Date.UTC(2026, 5, 1);
  const ca = await make({ now: () => now });
  const [leaf] = ca.sign(await csr(), [IDENTITY], asked);
  expect(Date.parse(new X509Certificate(leaf!).validTo)).toBe(now + given * 1000);
  expect(Date.parse(new X509Certificate(leaf!).validFrom)).toBe(now - 120_000);
});

test('a TTL above the maximum and a broken CSR are refused with their codes', async () => {
  const ca = await make();
  const code = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return (error as SigningError).code;
    }
    return 'none';
  };
  const request = await csr();
  expect(code(() => ca.sign(request, [IDENTITY], 91 * 86_400))).toBe('ttl-too-long');
  expect(code(() => ca.sign('nonsense', [IDENTITY], 0))).toBe('csr');
  expect(code(() => ca.sign(request, [], 0))).toBe('internal');
});

test('replicas that start together share one key', async () => {
  const replicas = await Promise.all([make(), make(), make()]);
  expect(new Set(replicas.map((ca) => ca.rootCertPem)).size).toBe(1);
  expect(secret.version).toBe(1);
  expect(Object.keys(secret.data!).sort()).toEqual([
    'ca-cert.pem',
    'ca-key.pem',
    'cert-chain.pem',
    'key.pem',
    'root-cert.pem',
  ]);
});

test('the root is renewed with the same key when a fifth of its life is left, once for all replicas', async () => {
  let now = Date.UTC(2026, 5, 1);
  const replica = () => ({ store: memoryStore(secret), trustDomain: 'cluster.local', now: () => now, log: () => {} });
  const [a, b] = [replica(), replica()];
  const [first, other] = [await fetchSelfSigned(a), await fetchSelfSigned(b)];
  expect(await refreshSelfSigned(first, a)).toBe(first);
  now += ROOT_TTL_MS * 0.85;
  const renewed = await Promise.all([refreshSelfSigned(first, a), refreshSelfSigned(other, b)]);
  expect(secret.version).toBe(2);
  for (const material of renewed) {
    expect(material.fingerprint).not.toBe(first.fingerprint);
    expect(material.privateKey.equals(first.privateKey)).toBe(true);
    expect(material.fingerprint).toBe(renewed[0]!.fingerprint);
  }
});

test('a Secret that is broken is named', async () => {
  secret.data = { 'ca-cert.pem': 'x', 'ca-key.pem': '' };
  await expect(make()).rejects.toThrow(/istio-ca-secret lacks/);
  secret.data = { 'ca-cert.pem': 'x', 'ca-key.pem': 'y' };
  await expect(make()).rejects.toThrow(/Secret istio-ca-secret: the signing certificate is wrong/);
});

test('the server certificate carries istiod’s names', async () => {
  const ca = await make();
  const pair = await ca.serverCertificate(istiodDnsNames('istio-system', 'canary', ['mesh.example.com']));
  const certificate = new X509Certificate(pair.certificateChainPem);
  for (const name of ['istiod.istio-system.svc', 'istiod-canary.istio-system.svc', 'mesh.example.com']) {
    expect(certificate.checkHost(name)).toBe(name);
  }
  expect(`${JSON.stringify(pair)} ${pair.privateKey}`).not.toContain('BEGIN PRIVATE');
});

describe('a plugged-in CA', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'rigging-cacerts-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  async function plugIn(): Promise<{ rootPem: string }> {
    const rootKey = await generatePrivateKey('rsa-2048');
    const times = { notBeforeMs: Date.now() - 1000, notAfterMs: Date.now() + 3_600_000 };
    const rootPem = selfSignCertificate({ subject: { organization: 'corp' }, names: {}, ca: true, ...times }, rootKey);
    const key = await generatePrivateKey();
    const certPem = issueCertificate(
      { subject: { organization: 'mesh' }, publicKey: createPublicKey(key), names: {}, ca: true, ...times },
      { certificate: new X509Certificate(rootPem), privateKey: rootKey },
    );
    writeFileSync(join(dir, 'ca-cert.pem'), certPem);
    writeFileSync(join(dir, 'ca-key.pem'), toPrivateKeyPem(key).reveal());
    writeFileSync(join(dir, 'root-cert.pem'), rootPem);
    writeFileSync(join(dir, 'cert-chain.pem'), certPem + rootPem);
    return { rootPem };
  }

  test('signs with its intermediate, and the chain leads to its root', async () => {
    const { rootPem } = await plugIn();
    const ca = await make({ pluggedInDir: dir });
    const chain = ca.sign(await csr(), [IDENTITY], 86_400);
    expect(chain).toHaveLength(3);
    expect(ca.rootCertPem).toBe(rootPem);
    expect(
      chainProblem(
        chain.flatMap((pem) => parseCertificates(pem)),
        parseCertificates(rootPem),
        Date.now(),
      ),
    ).toBeUndefined();
    expect(Date.parse(new X509Certificate(chain[0]!).validTo)).toBeLessThanOrEqual(ca.notAfterMs);
    expect(secret.data).toBeUndefined();
  });

  test('in part, or with a key of another, is an error that says what is missing', async () => {
    await plugIn();
    rmSync(join(dir, 'cert-chain.pem'));
    await expect(make({ pluggedInDir: dir })).rejects.toThrow(/incomplete signing CA bundle.*cert-chain\.pem missing/);
    await plugIn();
    writeFileSync(join(dir, 'ca-key.pem'), toPrivateKeyPem(await generatePrivateKey()).reveal());
    await expect(make({ pluggedInDir: dir })).rejects.toThrow(/does not belong to the signing certificate/);
  });

  test('is taken over live while its root stays, and refused when a trusted root would go', async () => {
    await plugIn();
    const lines: string[] = [];
    const refused = Promise.withResolvers<void>();
    const ca = await make({
      pluggedInDir: dir,
      checkIntervalMs: 60,
      log: (line) => {
        lines.push(line);
        refused.resolve();
      },
    });
    const before = ca.rootCertPem;
    await plugIn();
    await refused.promise;
    expect(lines[0]).toMatch(/^keeping the current CA/);
    expect(ca.rootCertPem).toBe(before);
  });
});
