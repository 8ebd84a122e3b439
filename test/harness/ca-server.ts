// istiod's CA on a real gRPC port with TLS on loopback; tokens are judged by a function instead of an API server.
import { Server } from '@grpc/grpc-js';
import type { Authenticate } from '#lib/identity/caller.ts';
import { refuseForeignClients } from '#lib/rpc/foreign-clients.ts';
import { RotatingServerCredentials } from '#lib/rpc/server-credentials.ts';
import { istioCertificateService } from '#wire/ca.ts';
import {
  createAuthenticator,
  type ReviewToken,
  type TokenReviewStatus,
} from '../../services/control-plane/ca/authenticate.ts';
import { type CaOptions, type CertificateAuthority, createCa } from '../../services/control-plane/ca/authority.ts';
import { createCertificateService } from '../../services/control-plane/ca/certificate-service.ts';
import { createServerIdentity } from '../../services/control-plane/ca/server-identity.ts';
import { memoryStore } from '../services/control-plane/ca/memory-store.ts';

/** A running CA. */
export interface CaServer {
  readonly ca: CertificateAuthority;
  /** `localhost:<port>` */
  readonly address: string;
  readonly log: string[];
  stop(): void;
}

/** Token `ns/sa` proves that service account; anything else is invalid. */
export const reviewTestToken = async (token: string): Promise<TokenReviewStatus> => {
  const [namespace, serviceAccount, ...rest] = token.split('/');
  if (!namespace || !serviceAccount || rest.length > 0) return { authenticated: false, error: 'unknown token' };
  const groups = ['system:serviceaccounts', 'system:authenticated'];
  return {
    authenticated: true,
    audiences: ['istio-ca'],
    user: { username: `system:serviceaccount:${namespace}:${serviceAccount}`, groups },
  };
};

/** @param register adds further services to the same port, such as discovery */
export async function startCaServer(
  options: Partial<CaOptions> & { readonly reviewToken?: ReviewToken } = {},
  register: (server: Server, authenticate: Authenticate) => void = () => {},
): Promise<CaServer> {
  const end = new AbortController();
  const log: string[] = [];
  const trustDomain = options.trustDomain ?? 'cluster.local';
  const store = memoryStore({ data: undefined, version: 0 });
  const ca = await createCa({ store, trustDomain, pluggedInDir: '/nowhere', ...options }, end.signal);
  const identity = await createServerIdentity({ ca, dnsNames: ['localhost'] }, end.signal);
  const credentials = new RotatingServerCredentials(identity.current());
  identity.onChange((next) => credentials.update(next));
  const server = new Server();
  const authenticate = createAuthenticator({
    trustDomain,
    reviewToken: options.reviewToken ?? reviewTestToken,
    log: (line) => log.push(line),
  });
  server.addService(istioCertificateService, {
    ...createCertificateService({ ca, authenticate, log: (line) => log.push(line) }),
  });
  register(server, authenticate);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('localhost:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  refuseForeignClients(server, [trustDomain], (line) => log.push(line));
  return {
    ca,
    address: `localhost:${port}`,
    log,
    stop: () => {
      end.abort();
      server.forceShutdown();
    },
  };
}
