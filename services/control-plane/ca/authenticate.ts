// Proves callers of istiod: client certificate first, then a service-account token through TokenReview.
import type { Authenticate, CallEvidence, Caller } from '#lib/identity/caller.ts';
import { formatSpiffe, tryParseSpiffe } from '#lib/identity/spiffe.ts';

/** status of authentication.k8s.io/v1 TokenReview. */
export interface TokenReviewStatus {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly error?: string;
  readonly user?: {
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

/** Asks the API server about a token. */
export type ReviewToken = (token: string, audiences: readonly string[]) => Promise<TokenReviewStatus>;

/** What callers are judged by. */
export interface AuthenticatorOptions {
  readonly trustDomain: string;
  /** Other trust domains whose certificates are accepted, from meshConfig. @default [] */
  readonly trustDomainAliases?: readonly string[];
  readonly reviewToken: ReviewToken;
  /** @default ['istio-ca'] */
  readonly audiences?: readonly string[];
  /** Name of the cluster whose API server reviews tokens; others are refused. @default 'Kubernetes' */
  readonly clusterId?: string;
  /** Told why a caller was refused; never sees a token. */
  readonly log?: (line: string) => void;
}

const MAX_TOKEN_BYTES = 16 * 1024;
const USERNAME = /^system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)$/;
const POD_NAME = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';

/** The authenticator of 15012, 15014 and the CA. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const log = options.log ?? (() => {});
  return async (evidence) => {
    const outcome = await judge(evidence, options);
    if (typeof outcome !== 'string') return outcome;
    log(`caller refused: ${outcome}`);
    return undefined;
  };
}

/** The caller, or why there is none. A certificate that is shown must do: a token does not make up for it. */
async function judge(evidence: CallEvidence, options: AuthenticatorOptions): Promise<Caller | string> {
  if (evidence.verifiedUriSans.length > 0) return fromCertificate(evidence.verifiedUriSans, options);
  const token = /^(?:Bearer|Istio) (\S+)$/.exec(evidence.authorization ?? '')?.[1];
  if (token === undefined) return 'neither a client certificate nor a bearer token was shown';
  if (token.length > MAX_TOKEN_BYTES) return `token of ${token.length} bytes; at most ${MAX_TOKEN_BYTES} are accepted`;
  const cluster = evidence.clusterId ?? '';
  const own = options.clusterId ?? 'Kubernetes';
  if (cluster !== '' && cluster !== own)
    return `cluster ${JSON.stringify(cluster.slice(0, 63))} is unknown; this is ${own}`;
  return fromToken(token, options);
}

function fromCertificate(uris: readonly string[], options: AuthenticatorOptions): Caller | string {
  const domains = [options.trustDomain, ...(options.trustDomainAliases ?? [])];
  for (const uri of uris) {
    const identity = tryParseSpiffe(uri);
    if (identity === undefined)
      return `client certificate names ${JSON.stringify(uri.slice(0, 200))}, which is no workload identity`;
    if (!domains.includes(identity.trustDomain))
      return `client certificate is of trust domain ${identity.trustDomain}, not ${options.trustDomain}`;
  }
  return { identities: uris, source: 'client-certificate' };
}

async function fromToken(token: string, options: AuthenticatorOptions): Promise<Caller | string> {
  const audiences = options.audiences ?? ['istio-ca'];
  const status = await options.reviewToken(token, audiences);
  if (status.authenticated !== true)
    return `the token is not valid${status.error === undefined ? '' : `: ${status.error}`}`;
  if (!(status.audiences ?? []).some((audience) => audiences.includes(audience))) {
    return `the token is for ${status.audiences?.join(', ') || 'no audience'}, not for ${audiences.join(', ')}`;
  }
  const { username = '', groups = [], extra = {} } = status.user ?? {};
  const [, namespace, serviceAccount] = USERNAME.exec(username) ?? [];
  if (!groups.includes('system:serviceaccounts') || namespace === undefined || serviceAccount === undefined) {
    return `the token is of ${JSON.stringify(username.slice(0, 200))}, which is no service account`;
  }
  const identities = [formatSpiffe({ trustDomain: options.trustDomain, namespace, serviceAccount })];
  const name = extra[POD_NAME]?.[0];
  const uid = extra[POD_UID]?.[0];
  if (name === undefined || uid === undefined) return { identities, source: 'token' };
  return { identities, source: 'token', pod: { name, uid, namespace, serviceAccount } };
}
