// What is known of a downstream connection before any of its bytes are read as requests.

export interface TlsPeer {
  /** Lower-case hexadecimal SHA-256 of the peer's certificate; empty without one. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  /** URI SAN of the certificate shown by us. */
  readonly localUri: string;
  readonly alpn: string | undefined;
}

export interface ConnectionInfo {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Where the client wanted to go: the original destination where traffic is redirected. */
  readonly localAddress: string;
  readonly localPort: number;
  /** `address:port`, for logs. */
  readonly remote: string;
  readonly local: string;
  /** SNI. */
  readonly serverName: string | undefined;
  readonly tls: TlsPeer | undefined;
}
