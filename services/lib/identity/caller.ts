// Who called: the outcome of authentication on a gRPC or HTTP port, by client certificate or token.

/** An authenticated caller. */
export interface Caller {
  /** SPIFFE URIs that the credential proves; never empty. */
  readonly identities: readonly string[];
  readonly source: 'client-certificate' | 'token';
  /** The pod that a bound token names; only with `source: 'token'`. */
  readonly pod?: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly serviceAccount: string;
  };
}

/** What an authenticator may look at: a view of one gRPC call or HTTP request. */
export interface CallEvidence {
  /** URI SANs of a client certificate whose chain was verified; empty without one. */
  readonly verifiedUriSans: readonly string[];
  /** The `authorization` header. */
  readonly authorization: string | undefined;
  /** Metadata `clusterid`: which cluster's API server knows the token; undefined or empty means the local one. */
  readonly clusterId: string | undefined;
}

/** Proves a caller; undefined means nobody vouches for it (answer UNAUTHENTICATED). */
export type Authenticate = (evidence: CallEvidence) => Promise<Caller | undefined>;
