// Proves callers of istiod: client certificate first, then a service-account token through TokenReview.
import type { Authenticate } from '#lib/identity/caller.ts';

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

/** The authenticator of 15012, 15014 and the CA. */
export function createAuthenticator(_options: {
  readonly trustDomain: string;
  readonly reviewToken: ReviewToken;
  /** @default ['istio-ca'] */
  readonly audiences?: readonly string[];
  readonly log?: (line: string) => void;
}): Authenticate {
  throw new Error('BUG: the authenticator is not built yet');
}
