// Service-account tokens: ES256 JWTs bound to their account and, where asked for, to a pod or secret.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign, verify } from 'node:crypto';
import { at, rec, str, strings } from '../object.ts';
import type { UserInfo } from '../rest/request.ts';
import type { Store } from '../storage/store.ts';

export const issuer = 'https://kubernetes.default.svc.cluster.local';
export const defaultAudience = issuer;
const maxTokenLength = 16 * 1024;

export interface BoundObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly uid: string;
}

interface Claims {
  readonly [key: string]: unknown;
}

export class ServiceAccountTokens {
  readonly #private: KeyObject;
  readonly #public: KeyObject;
  readonly #keyId: string;
  readonly #store: Store;

  constructor(privateKeyPem: string, store: Store) {
    this.#private = createPrivateKey(privateKeyPem);
    this.#public = createPublicKey(this.#private);
    this.#keyId = createHash('sha256')
      .update(this.#public.export({ type: 'spki', format: 'der' }))
      .digest('base64url');
    this.#store = store;
  }

  issue(request: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly audiences: readonly string[];
    readonly expirationSeconds: number;
    readonly bound?: BoundObject | undefined;
    readonly node?: { readonly name: string; readonly uid: string } | undefined;
  }): { token: string; expiresAtMs: number } {
    const now = Math.floor(Date.now() / 1000);
    const { bound, node } = request;
    const claims = {
      aud: request.audiences,
      exp: now + request.expirationSeconds,
      iat: now,
      iss: issuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace: request.namespace,
        ...(node === undefined ? {} : { node }),
        ...(bound === undefined ? {} : { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
        serviceaccount: { name: request.name, uid: request.uid },
      },
      nbf: now,
      sub: `system:serviceaccount:${request.namespace}:${request.name}`,
    };
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'ES256', kid: this.#keyId })}.${part(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#private, dsaEncoding: 'ieee-p1363' });
    return {
      token: `${signed}.${signature.toString('base64url')}`,
      expiresAtMs: (now + request.expirationSeconds) * 1000,
    };
  }

  /** The account behind a token, or why there is none. */
  authenticate(
    token: string,
    audiences: readonly string[] = [defaultAudience],
  ): { user: UserInfo; audiences: string[] } | { error: string } {
    if (token.length > maxTokenLength) return { error: `token is longer than ${maxTokenLength} characters` };
    const [head = '', body = '', signature = '', ...more] = token.split('.');
    let claims: Claims;
    try {
      const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Claims;
      if (more.length > 0 || header['alg'] !== 'ES256') return { error: 'invalid bearer token' };
      const isSigned = verify(
        'sha256',
        Buffer.from(`${head}.${body}`),
        { key: this.#public, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      );
      if (!isSigned) return { error: 'invalid bearer token' };
      claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
    } catch {
      return { error: 'invalid bearer token' };
    }
    const now = Date.now() / 1000;
    if (claims['iss'] !== issuer) return { error: 'invalid bearer token' };
    if (typeof claims['exp'] !== 'number' || claims['exp'] < now) return { error: 'service account token has expired' };
    if (typeof claims['nbf'] === 'number' && claims['nbf'] > now + 60)
      return { error: 'service account token is not valid yet' };
    const granted = strings(claims['aud']);
    const shared = audiences.filter((audience) => granted.includes(audience));
    if (shared.length === 0)
      return {
        error: `invalid bearer token, token audiences [${granted.map((item) => JSON.stringify(item)).join(' ')}] is invalid for the target audiences [${audiences.map((item) => JSON.stringify(item)).join(' ')}]`,
      };
    const own = rec(claims['kubernetes.io']);
    const namespace = str(own['namespace']);
    const account = rec(own['serviceaccount']);
    const stored = this.#store.get('/serviceaccounts', namespace, str(account['name']));
    if (stored?.metadata.uid !== account['uid']) return { error: 'service account token has been invalidated' };
    const extra: Record<string, string[]> = {
      'authentication.kubernetes.io/credential-id': [`JTI=${str(claims['jti'])}`],
    };
    const pod = own['pod'];
    if (pod !== undefined) {
      const bound = this.#store.get('/pods', namespace, str(at(pod, 'name')));
      if (bound === undefined || bound.metadata.uid !== at(pod, 'uid'))
        return { error: 'service account token has been invalidated' };
      extra['authentication.kubernetes.io/pod-name'] = [bound.metadata.name];
      extra['authentication.kubernetes.io/pod-uid'] = [bound.metadata.uid ?? ''];
      const nodeName = str(at(own, 'node', 'name'));
      if (nodeName !== '') {
        extra['authentication.kubernetes.io/node-name'] = [nodeName];
        extra['authentication.kubernetes.io/node-uid'] = [str(at(own, 'node', 'uid'))];
      }
    }
    const secret = own['secret'];
    if (
      secret !== undefined &&
      this.#store.get('/secrets', namespace, str(at(secret, 'name')))?.metadata.uid !== at(secret, 'uid')
    )
      return { error: 'service account token has been invalidated' };
    return {
      user: {
        username: str(claims['sub']),
        uid: str(account['uid']),
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
        extra,
      },
      audiences: shared,
    };
  }

  /** The key as a JSON Web Key Set, for `/openid/v1/jwks`. */
  keySet(): unknown {
    return { keys: [{ use: 'sig', kid: this.#keyId, alg: 'ES256', ...this.#public.export({ format: 'jwk' }) }] };
  }
}
