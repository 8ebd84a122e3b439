// TokenReview on the Kubernetes API, bounded in time.
import type { KubeClient } from '#lib/kube/index.ts';
import type { ReviewToken, TokenReviewStatus } from './authenticate.ts';

const TIMEOUT_MS = 10_000;

/** Asks the API server of this cluster. */
export function createTokenReviewer(client: KubeClient): ReviewToken {
  return async (token, audiences) => {
    const answer = await client.request<{ status?: TokenReviewStatus }>('/apis/authentication.k8s.io/v1/tokenreviews', {
      method: 'POST',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return answer.status ?? { authenticated: false, error: 'the API server answered without a status' };
  };
}
