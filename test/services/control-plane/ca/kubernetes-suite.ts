// What the CA does on an API server, any: one Secret for all replicas, roots in every namespace, callers by real tokens.
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type KubeClient, type KubeObject, refs } from '#lib/kube/index.ts';
import { createCsr } from '#lib/tls/certificate-request.ts';
import { generatePrivateKey } from '#lib/tls/keys.ts';
import { uriSansOf } from '#lib/tls/subject-alternative-names.ts';
import { requestCertificate } from '../../../../services/agent/identity/certificate-client.ts';
import { createCa } from '../../../../services/control-plane/ca/authority.ts';
import { distributeRootCert } from '../../../../services/control-plane/ca/root-cert-config-maps.ts';
import { createSecretStore } from '../../../../services/control-plane/ca/secret-store.ts';
import { createTokenReviewer } from '../../../../services/control-plane/ca/token-review.ts';
import { type CaServer, startCaServer } from '../../../harness/ca-server.ts';

type WithData = KubeObject & { type?: string; data?: Record<string, string> };
const ROOT = { name: 'istio-ca-root-cert' };

async function until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`no ${what} within 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @param open starts an API server with the namespaces of a new cluster */
export function caSuite(
  name: string,
  open: () => Promise<{ readonly client: KubeClient; close(): Promise<void> }>,
): void {
  describe(name, () => {
    const end = new AbortController();
    let api: Awaited<ReturnType<typeof open>>;
    let server: CaServer;
    const namespace = (namespaceName: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespaceName },
    });

    beforeAll(async () => {
      api = await open();
      for (const each of ['istio-system', 'bookinfo']) await api.client.create(refs.namespaces, namespace(each));
      await api.client.create(refs.serviceAccounts, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'reviews', namespace: 'bookinfo' },
      });
      server = await startCaServer({
        store: createSecretStore(api.client),
        reviewToken: createTokenReviewer(api.client),
      });
    }, 120_000);
    afterAll(async () => {
      end.abort();
      server?.stop();
      await api?.close();
    }, 60_000);

    const token = async (audience: string): Promise<string> => {
      const answer = await api.client.request<{ status: { token: string } }>(
        '/api/v1/namespaces/bookinfo/serviceaccounts/reviews/token',
        {
          method: 'POST',
          body: {
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenRequest',
            spec: { audiences: [audience], expirationSeconds: 3600 },
          },
        },
      );
      return answer.status.token;
    };
    const ask = async (bearer: string): Promise<readonly string[]> => {
      const csr = createCsr(await generatePrivateKey(), { uris: ['spiffe://cluster.local/ns/x/sa/y'] });
      const call = {
        address: server.address,
        rootsPem: server.ca.rootCertPem,
        token: bearer,
        keyPair: undefined,
        clusterId: 'Kubernetes',
        csr,
        ttlSeconds: 3600,
      };
      return requestCertificate(call, end.signal);
    };

    test('a real token for istio-ca gets its service account’s certificate; one for others does not', async () => {
      const [leaf = ''] = await ask(await token('istio-ca'));
      expect(uriSansOf(new X509Certificate(leaf).subjectAltName)).toEqual([
        'spiffe://cluster.local/ns/bookinfo/sa/reviews',
      ]);
      await expect(ask(await token('somebody-else'))).rejects.toThrow(/UNAUTHENTICATED/);
      const forged = `${(await token('istio-ca')).slice(0, -4)}AAAA`;
      await expect(ask(forged)).rejects.toThrow(/UNAUTHENTICATED/);
    });

    test('replicas that start together share the Secret', async () => {
      const options = { trustDomain: 'cluster.local', pluggedInDir: '/nowhere' };
      await api.client.delete(refs.secrets, { namespace: 'istio-system', name: 'istio-ca-secret' });
      const replicas = await Promise.all(
        [1, 2, 3].map(() => createCa({ ...options, store: createSecretStore(api.client) }, end.signal)),
      );
      expect(new Set(replicas.map((ca) => ca.rootCertPem)).size).toBe(1);
      const secret = await api.client.get<WithData>(refs.secrets, {
        namespace: 'istio-system',
        name: 'istio-ca-secret',
      });
      expect(secret.type).toBe('istio.io/ca-root');
      expect(Buffer.from(secret.data!['ca-cert.pem']!, 'base64').toString()).toBe(replicas[0]!.rootCertPem);
    });

    test('the roots are in every namespace, also a new one, and come back when changed or deleted', async () => {
      distributeRootCert({ client: api.client, ca: server.ca }, end.signal);
      const read = (where: string) => async (): Promise<string | undefined> => {
        const map = await api.client.tryGet<WithData>(refs.configMaps, { ...ROOT, namespace: where });
        return map?.data?.['root-cert.pem'] === server.ca.rootCertPem ? map.metadata.uid : undefined;
      };
      await until('roots in bookinfo', read('bookinfo'));
      await until('roots in kube-system', read('kube-system'));
      await api.client.create(refs.namespaces, namespace('late'));
      const uid = await until('roots in a new namespace', read('late'));
      await api.client.patch(refs.configMaps, { ...ROOT, namespace: 'late' }, { data: { 'root-cert.pem': 'x' } });
      expect(await until('roots after an edit', read('late'))).toBe(uid);
      await api.client.delete(refs.configMaps, { ...ROOT, namespace: 'late' });
      expect(await until('roots after a deletion', read('late'))).not.toBe(uid);
      expect(await api.client.tryGet(refs.configMaps, { ...ROOT, namespace: 'kube-public' })).toBeUndefined();
    });
  });
}
