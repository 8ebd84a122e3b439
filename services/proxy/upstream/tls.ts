// The client side of TLS: one secure context per (cluster socket, secret version), chain and SAN verification.
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { SanMatcher } from '../config/san.ts';
import { subjectAltNames } from '../config/san.ts';
import type { SecretStore } from '../config/secrets.ts';

export interface UpstreamTlsConfig {
  readonly sni: string | undefined;
  /** As configured; HTTP traffic between sidecars puts `istio-http/1.1` before them. */
  readonly alpn: readonly string[];
  /** Secret with certificate chain and key; undefined: no client certificate. */
  readonly certificate: string | undefined;
  /** Secret with CA bundle; undefined: the server is not verified. */
  readonly validation: string | undefined;
  readonly sans: readonly SanMatcher[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Mutual TLS among mesh workloads: ALPN tells the other side so. */
  readonly isMesh: boolean;
}

export class UpstreamTls {
  readonly config: UpstreamTlsConfig;
  readonly #secrets: SecretStore;
  #context: SecureContext | undefined;
  #version = -1;
  #session: Buffer | undefined;

  constructor(config: UpstreamTlsConfig, secrets: SecretStore) {
    this.config = config;
    this.#secrets = secrets;
  }

  /** Starts a handshake on a new connection. The caller handles `secureConnect` and `error`. */
  connect(
    options: { host: string; port: number; localAddress?: string | undefined },
    protocol: 'http' | 'http2' | 'tcp',
  ): TLSSocket {
    const config = this.config;
    const verifies = config.validation !== undefined;
    const { localAddress } = options;
    const tlsOptions: ConnectionOptions = {
      host: options.host,
      port: options.port,
      secureContext: this.#currentContext(),
      ALPNProtocols: this.#alpn(protocol),
      rejectUnauthorized: verifies,
      checkServerIdentity: (_host, certificate) => this.#checkIdentity(certificate),
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(config.sni === undefined || config.sni === '' ? {} : { servername: config.sni }),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    };
    const socket = connect(tlsOptions);
    socket.on('session', (session) => {
      this.#session = session;
    });
    return socket;
  }

  #alpn(protocol: 'http' | 'http2' | 'tcp'): string[] {
    if (!this.config.isMesh) {
      if (this.config.alpn.length > 0) return [...this.config.alpn];
      return protocol === 'http2' ? ['h2'] : protocol === 'http' ? ['http/1.1'] : [];
    }
    // The TCP metadata exchange is not spoken, so it is not offered; peers fall back to endpoint metadata.
    if (protocol === 'tcp') return ['istio'];
    return protocol === 'http2' ? ['istio-h2', 'istio', 'h2'] : ['istio-http/1.1', 'istio', 'http/1.1'];
  }

  #currentContext(): SecureContext {
    if (this.#context !== undefined && this.#version === this.#secrets.version) return this.#context;
    const { certificate, validation, minVersion, maxVersion } = this.config;
    const identity = certificate === undefined ? undefined : this.#secrets.certificate(certificate);
    if (certificate !== undefined && identity === undefined)
      throw new Error(`TLS secret ${certificate} has not arrived`);
    const roots = validation === undefined ? undefined : this.#secrets.validation(validation);
    if (validation !== undefined && roots === undefined) throw new Error(`TLS secret ${validation} has not arrived`);
    this.#context = createSecureContext({
      minVersion,
      maxVersion,
      ...(identity === undefined ? {} : { cert: identity.certificateChain, key: identity.privateKey }),
      ...(roots === undefined ? {} : { ca: roots.trustedCa }),
    });
    this.#version = this.#secrets.version;
    this.#session = undefined;
    return this.#context;
  }

  #checkIdentity(certificate: PeerCertificate): Error | undefined {
    const { sans } = this.config;
    if (sans.length === 0) return undefined;
    const names = subjectAltNames(certificate);
    if (names.some((name) => sans.some((matches) => matches(name)))) return undefined;
    return new Error(
      `verify SAN list: the certificate names ${names.map((name) => name.value).join(', ') || 'nobody'}`,
    );
  }
}
