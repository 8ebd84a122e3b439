// The self-signed CA's store on the Kubernetes API: Secret istio-ca-secret of type istio.io/ca-root.
import { isAlreadyExists, isConflict, type KubeClient, type KubeObject, refs } from '#lib/kube/index.ts';
import type { CaStore } from './authority.ts';

interface SecretObject extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

/** A store in one namespace, istio-system by default. */
export function createSecretStore(client: KubeClient, namespace = 'istio-system', name = 'istio-ca-secret'): CaStore {
  let last: SecretObject | undefined;
  const encode = (data: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]));
  return {
    async fetch() {
      last = await client.tryGet<SecretObject>(refs.secrets, { namespace, name });
      if (last === undefined) return undefined;
      return Object.fromEntries(
        Object.entries(last.data ?? {}).map(([key, base64]) => [key, Buffer.from(base64, 'base64').toString('utf8')]),
      );
    },
    async create(data) {
      const secret: SecretObject = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace },
        type: 'istio.io/ca-root',
        data: encode(data),
      };
      try {
        last = await client.create(refs.secrets, secret);
        return 'created';
      } catch (error) {
        if (isAlreadyExists(error)) return 'exists';
        throw error;
      }
    },
    async replace(data) {
      if (last === undefined) throw new Error('BUG: the CA Secret is replaced before it was fetched');
      try {
        last = await client.replace(refs.secrets, { ...last, data: encode(data) });
        return 'replaced';
      } catch (error) {
        if (isConflict(error)) return 'conflict';
        throw error;
      }
    },
  };
}
