// Service-account tokens for pods: asked from the API server by TokenRequest, kept, and renewed at 80 % of their life.
import { type KubeClient, pathOf, refs } from '#lib/kube/index.ts';
import type { Pod } from '../pod-types.ts';
import type { TokenSource } from './volume-files.ts';

interface TokenRequest {
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
}

interface KeptToken {
  readonly token: string;
  readonly renewAt: number;
}

/** Renewed after this long even when its life is longer, in ms. */
const longestKeptMs = 24 * 3600 * 1000;

export class ServiceAccountTokens implements TokenSource {
  private readonly client: KubeClient;
  private readonly kept = new Map<string, KeptToken>();

  constructor(client: KubeClient) {
    this.client = client;
  }

  async token(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string> {
    const { uid = '', name, namespace = 'default' } = pod.metadata;
    const key = `${uid}\0${audience ?? ''}\0${expirationSeconds}`;
    const now = Date.now();
    const kept = this.kept.get(key);
    if (kept !== undefined && now < kept.renewAt) return kept.token;
    const account = pod.spec.serviceAccountName || 'default';
    const answer = await this.client.request<TokenRequest>(pathOf(refs.serviceAccounts, namespace, account, 'token'), {
      method: 'POST',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        metadata: {},
        spec: {
          audiences: audience === undefined || audience === '' ? [] : [audience],
          expirationSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    });
    const token = answer.status?.token;
    if (!token) throw new Error(`the API server gave no token for service account ${namespace}/${account}`);
    const expires = Date.parse(answer.status?.expirationTimestamp ?? '') || now + expirationSeconds * 1000;
    this.kept.set(key, { token, renewAt: now + Math.min((expires - now) * 0.8, longestKeptMs) });
    return token;
  }

  /** Forgets the tokens of a pod that is gone. */
  forget(uid: string): void {
    for (const key of this.kept.keys()) if (key.startsWith(`${uid}\0`)) this.kept.delete(key);
  }
}
