// SPIFFE identities as Istio spells them: spiffe://<trust domain>/ns/<namespace>/sa/<service account>.

const SCHEME = 'spiffe://';
const MAX_IDENTITY_LENGTH = 2048;

/** One workload identity. */
export interface SpiffeIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** `a@b` becomes `a.b`, as Istio does: `@` is not allowed in the host of a URI. */
export function sanitizeTrustDomain(trustDomain: string): string {
  return trustDomain.replaceAll('@', '.');
}

/** The identity as a URI, as it stands in certificates. */
export function formatSpiffe(identity: SpiffeIdentity): string {
  return `${SCHEME}${sanitizeTrustDomain(identity.trustDomain)}/ns/${identity.namespace}/sa/${identity.serviceAccount}`;
}

/** Reads an identity; undefined when the URI is no Istio identity (exactly five segments, none empty). */
export function tryParseSpiffe(uri: string): SpiffeIdentity | undefined {
  if (uri.length > MAX_IDENTITY_LENGTH || !uri.startsWith(SCHEME)) return undefined;
  const segments = uri.slice(SCHEME.length).split('/');
  if (segments.length !== 5 || segments[1] !== 'ns' || segments[3] !== 'sa') return undefined;
  const [trustDomain, , namespace, , serviceAccount] = segments;
  if (!isSegment(trustDomain) || !isSegment(namespace) || !isSegment(serviceAccount)) return undefined;
  return { trustDomain, namespace, serviceAccount };
}

/** The trust domain of any SPIFFE URI, also one whose path is not Istio's. */
export function trustDomainOf(uri: string): string | undefined {
  if (uri.length > MAX_IDENTITY_LENGTH || !uri.startsWith(SCHEME)) return undefined;
  const slash = uri.indexOf('/', SCHEME.length);
  const domain = uri.slice(SCHEME.length, slash === -1 ? undefined : slash);
  return isSegment(domain) ? domain : undefined;
}

function isSegment(segment: string | undefined): segment is string {
  return segment !== undefined && /^[A-Za-z0-9._-]+$/.test(segment);
}
