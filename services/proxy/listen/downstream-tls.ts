// Ends TLS on a connection that was looked into before. Only tls.Server verifies client certificates (a TLSSocket made by
// hand does not), so each TLS filter chain has one that never listens and gets its connections by hand.
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { DownstreamTlsConfig } from '../config/downstream-tls-config.ts';
import { subjectAltNames } from '../config/san.ts';
import type { SecretStore } from '../config/secrets.ts';
import type { TlsPeer } from '../stack/connection-info.ts';

export type TlsResult = { readonly socket: TLSSocket; readonly peer: TlsPeer } | { readonly failure: string };

export class DownstreamTls {
  readonly #config: DownstreamTlsConfig;
  readonly #secrets: SecretStore;
  readonly #waiting = new Map<string, (result: TlsResult) => void>();
  /** With application protocols, and without: a client whose list has none of ours goes on without one, as with Envoy. */
  readonly #servers = new Map<'alpn' | 'none', { readonly server: Server; version: number }>();
  #localUri = '';

  constructor(config: DownstreamTlsConfig, secrets: SecretStore) {
    this.#config = config;
    this.#secrets = secrets;
  }

  /** `offered`: application protocols of the ClientHello; undefined if nobody looked. */
  terminate(raw: Socket, offered: readonly string[] | undefined, done: (result: TlsResult) => void): void {
    let server: Server;
    try {
      const agrees = offered === undefined || offered.some((protocol) => this.#config.alpn.includes(protocol));
      server = this.#current(agrees ? 'alpn' : 'none');
    } catch (error) {
      done({ failure: (error as Error).message });
      return;
    }
    const key = keyOf(raw);
    this.#waiting.set(key, done);
    raw.once('close', () => this.#finish(key, { failure: 'connection closed during the TLS handshake' }));
    server.emit('connection', raw);
  }

  #finish(key: string, result: TlsResult): void {
    const done = this.#waiting.get(key);
    this.#waiting.delete(key);
    done?.(result);
  }

  #current(kind: 'alpn' | 'none'): Server {
    const { version } = this.#secrets;
    const known = this.#servers.get(kind);
    if (known?.version === version) return known.server;
    const { certificate, validation, alpn, minVersion, maxVersion, ciphers, requireClientCertificate } = this.#config;
    const identity = this.#secrets.certificate(certificate);
    if (identity === undefined) throw new Error(`TLS secret ${certificate} has not arrived`);
    const roots = validation === undefined ? undefined : this.#secrets.validation(validation);
    if (validation !== undefined && roots === undefined) throw new Error(`TLS secret ${validation} has not arrived`);
    const context = {
      cert: identity.certificateChain,
      key: identity.privateKey,
      minVersion,
      maxVersion,
      ...(roots === undefined ? {} : { ca: roots.trustedCa }),
      ...(ciphers === undefined ? {} : { ciphers }),
    };
    if (known !== undefined) {
      known.version = version;
      known.server.setSecureContext(context);
      return known.server;
    }
    const server = createServer({
      ...context,
      requestCert: roots !== undefined,
      rejectUnauthorized: roots !== undefined && requireClientCertificate,
      handshakeTimeout: 15_000,
      ...(alpn.length === 0 || kind === 'none' ? {} : { ALPNProtocols: [...alpn] }),
    });
    server.on('secureConnection', (socket) => this.#onSecure(socket));
    server.on('tlsClientError', (error, socket) => {
      this.#finish(keyOf(socket), { failure: `TLS_error: ${error.message}` });
      socket.destroy();
    });
    this.#servers.set(kind, { server, version });
    return server;
  }

  #onSecure(socket: TLSSocket): void {
    const key = keyOf(socket);
    const certificate = socket.getPeerX509Certificate();
    const names = certificate === undefined ? [] : subjectAltNames({ subjectaltname: certificate.subjectAltName });
    const verified = certificate !== undefined && socket.authorized;
    const { sans } = this.#config;
    if (
      certificate !== undefined &&
      (!verified || (sans.length > 0 && !names.some((name) => sans.some((matches) => matches(name)))))
    ) {
      socket.destroy();
      this.#finish(key, {
        failure: verified ? 'verify SAN list: the client is not of this mesh' : 'the client certificate is not trusted',
      });
      return;
    }
    const local = socket.getCertificate() as { subjectaltname?: string } | null;
    this.#localUri = subjectAltNames(local ?? {}).find(({ kind }) => kind === 'URI')?.value ?? '';
    const alpn = socket.alpnProtocol;
    this.#finish(key, {
      socket,
      peer: {
        fingerprint: certificate?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '',
        subject: certificate?.subject?.split('\n').reverse().join(',') ?? '',
        uriSans: names.filter(({ kind }) => kind === 'URI').map(({ value }) => value),
        dnsSans: names.filter(({ kind }) => kind === 'DNS').map(({ value }) => value),
        localUri: this.#localUri,
        alpn: typeof alpn === 'string' ? alpn : undefined,
      },
    });
  }
}

/** The TLS socket does not say which raw one it wraps; both know the client's address. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress}|${socket.remotePort}|${socket.localPort}`;
}
