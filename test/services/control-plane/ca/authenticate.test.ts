import { expect, test } from '@jest/globals';
import { createAuthenticator, type TokenReviewStatus } from '../../../../services/control-plane/ca/authenticate.ts';

const valid: TokenReviewStatus = {
  authenticated: true,
  audiences: ['istio-ca'],
  user: {
    username: 'system:serviceaccount:default:bookinfo-reviews',
    groups: ['system:serviceaccounts', 'system:authenticated'],
    extra: {
      'authentication.kubernetes.io/pod-name': ['reviews-1'],
      'authentication.kubernetes.io/pod-uid': ['u-1'],
    },
  },
};
const nobody = { verifiedUriSans: [], authorization: undefined, clusterId: undefined };

function setup(status: TokenReviewStatus = valid) {
  const lines: string[] = [];
  const asked: string[] = [];
  const authenticate = createAuthenticator({
    trustDomain: 'cluster.local',
    log: (line) => lines.push(line),
    reviewToken: async (token) => {
      asked.push(token);
      return status;
    },
  });
  return { lines, asked, authenticate };
}

test.each(['Bearer', 'Istio'])('a %s token proves its service account and pod', async (scheme) => {
  const { authenticate, asked } = setup();
  expect(await authenticate({ ...nobody, authorization: `${scheme} a.b.c` })).toEqual({
    identities: ['spiffe://cluster.local/ns/default/sa/bookinfo-reviews'],
    source: 'token',
    pod: { name: 'reviews-1', uid: 'u-1', namespace: 'default', serviceAccount: 'bookinfo-reviews' },
  });
  expect(asked).toEqual(['a.b.c']);
});

test('a client certificate of this trust domain is enough, and no token is looked at', async () => {
  const { authenticate, asked } = setup();
  const verifiedUriSans = ['spiffe://cluster.local/ns/default/sa/details'];
  expect(await authenticate({ ...nobody, verifiedUriSans, authorization: 'Bearer t' })).toEqual({
    identities: verifiedUriSans,
    source: 'client-certificate',
  });
  expect(asked).toEqual([]);
});

test.each([
  ['nothing', nobody, valid, /neither/],
  ['a basic header', { ...nobody, authorization: 'Basic eDp5' }, valid, /neither/],
  [
    'a foreign trust domain, even with a good token',
    { ...nobody, verifiedUriSans: ['spiffe://other/ns/a/sa/b'], authorization: 'Bearer t' },
    valid,
    /trust domain other/,
  ],
  [
    'a certificate of no workload',
    { ...nobody, verifiedUriSans: ['spiffe://cluster.local/x'] },
    valid,
    /no workload identity/,
  ],
  [
    'a token of another cluster',
    { ...nobody, authorization: 'Bearer t', clusterId: 'west' },
    valid,
    /cluster "west" is unknown/,
  ],
  ['an oversized token', { ...nobody, authorization: `Bearer ${'t'.repeat(20_000)}` }, valid, /at most 16384/],
  [
    'an invalid token',
    { ...nobody, authorization: 'Bearer t' },
    { authenticated: false, error: 'expired' },
    /not valid: expired/,
  ],
  [
    'a token for others',
    { ...nobody, authorization: 'Bearer t' },
    { ...valid, audiences: ['api'] },
    /for api, not for istio-ca/,
  ],
  [
    'a token without audience',
    { ...nobody, authorization: 'Bearer t' },
    { authenticated: true, user: valid.user! },
    /for no audience/,
  ],
  [
    'a user',
    { ...nobody, authorization: 'Bearer t' },
    { ...valid, user: { username: 'admin', groups: ['system:serviceaccounts'] } },
    /no service account/,
  ],
  [
    'a service account outside the group',
    { ...nobody, authorization: 'Bearer t' },
    { ...valid, user: { ...valid.user!, groups: [] } },
    /no service account/,
  ],
])('%s is refused, and the reason is logged without the token', async (_what, evidence, status, reason) => {
  const { authenticate, lines } = setup(status as TokenReviewStatus);
  expect(await authenticate(evidence)).toBeUndefined();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(reason);
  expect(lines[0]).not.toContain('Bearer');
});
