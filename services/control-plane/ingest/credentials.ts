// Secrets -> certificates for gateways, under either of the two sets of keys that Istio accepts.
import type { KubeObject } from '#lib/kube/index.ts';
import type { CredentialResource } from '../model/resources.ts';

export interface SecretObject extends KubeObject {
  type?: string | undefined;
  data?: Record<string, string> | undefined;
}

/** Undefined where the Secret holds neither a certificate with its key nor certificates of issuers. */
export function toCredential(secret: SecretObject): CredentialResource | undefined {
  const { data } = secret;
  if (data === undefined || IGNORED_TYPES.has(secret.type ?? '')) return undefined;
  const text = (...keys: string[]): string => {
    const key = keys.find((each) => data[each]);
    return key === undefined ? '' : Buffer.from(data[key]!, 'base64').toString('utf8');
  };
  const certificateChain = text('tls.crt', 'cert');
  const privateKey = text('tls.key', 'key');
  const ca = text('ca.crt', 'cacert');
  if ((certificateChain === '' || privateKey === '') && ca === '') return undefined;
  return {
    namespace: secret.metadata.namespace ?? 'default',
    name: secret.metadata.name,
    certificateChain,
    privateKey,
    ...(ca === '' ? {} : { ca }),
  };
}

/** Secrets that never are a gateway's, the CA's own among them. */
const IGNORED_TYPES: ReadonlySet<string> = new Set([
  'kubernetes.io/service-account-token',
  'helm.sh/release.v1',
  'istio.io/ca-root',
  'kubernetes.io/dockerconfigjson',
  'bootstrap.kubernetes.io/token',
]);
