// The API server as an object: construct without I/O, then start(signal). All wiring of the server is here.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { ensurePki, pkiPaths } from '../pki.ts';
import { AdmissionChain } from './admission/chain.ts';
import { Webhooks } from './admission/webhooks.ts';
import { RbacAuthorizer } from './auth/rbac.ts';
import { Reviews } from './auth/reviews.ts';
import { ServiceAccountTokens } from './auth/tokens.ts';
import { bootstrap } from './bootstrap.ts';
import { CrdController } from './crd/crd-controller.ts';
import { ServiceAllocation } from './kinds/allocation.ts';
import { builtInKinds } from './kinds/index.ts';
import { ResourceRegistry } from './kinds/registry.ts';
import type { ApiServerOptions } from './options.ts';
import { NodeProxy } from './proxy/node-proxy.ts';
import { Handler } from './rest/handler.ts';
import { ObjectService } from './rest/object-service.ts';
import { OpenApi } from './rest/openapi.ts';
import { Store } from './storage/store.ts';

/** A started server. */
export interface RunningApiServer {
  /** `https://host:port`. */
  readonly url: string;
  readonly port: number;
  readonly store: Store;
  /** Resolves when the server has ended: sockets closed, store committed and closed. */
  readonly closed: Promise<void>;
}

export interface ApiServer {
  start(signal: AbortSignal): Promise<RunningApiServer>;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  return { start: (signal) => start(options, signal) };
}

async function start(options: ApiServerOptions, signal: AbortSignal): Promise<RunningApiServer> {
  const host = options.host ?? '127.0.0.1';
  // The one who made the PKI chose the addresses in its kubeconfigs: they are not written anew.
  const made = pkiPaths(options.pkiDir);
  const pki = existsSync(made.servingKey) ? made : await ensurePki(options.pkiDir);
  const read = (file: string): string => readFileSync(file, 'utf8');
  const store = new Store(join(options.dataDir, 'store.db'), options.eventHistory);
  try {
    const registry = new ResourceRegistry(builtInKinds);
    const allocation = new ServiceAllocation(
      options.serviceCidr ?? '10.96.0.0/16',
      options.nodePorts ?? '30000-32767',
      () => store.list('/services'),
    );
    const tokens = new ServiceAccountTokens(read(pki.serviceAccountKey), store);
    const authorizer = new RbacAuthorizer(store);
    const stopping = new AbortController();
    const handler = new Handler({
      store,
      registry,
      objects: new ObjectService(store, new AdmissionChain(store, new Webhooks(store)), allocation),
      authorizer,
      tokens,
      reviews: new Reviews(authorizer, tokens, store),
      openApi: new OpenApi(registry),
      proxy: new NodeProxy(store, {
        cert: read(pki.nodeClientCert),
        key: read(pki.nodeClientKey),
        ca: read(pki.caCert),
      }),
      signal: stopping.signal,
    });
    const stopCrds = new CrdController(store, registry).start();
    const server = createServer(
      {
        cert: read(pki.servingCert),
        key: read(pki.servingKey),
        ca: read(pki.caCert),
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        maxHeaderSize: 64 * 1024,
        requestTimeout: 0,
        keepAliveTimeout: 120_000,
      },
      (incoming, outgoing) => {
        outgoing.on('error', () => outgoing.destroy());
        void handler.handle(incoming, outgoing);
      },
    );
    server.on('upgrade', (incoming, socket, head) => {
      socket.on('error', () => socket.destroy());
      handler.upgrade(incoming, socket, head);
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.on('clientError', (_error, socket) => socket.destroy());
    await listen(server, options.port ?? 6443, host);
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await bootstrap(store, allocation, options.advertiseAddress ?? host, port);
    const closed = new Promise<void>((resolve) => {
      const stop = (): void => {
        stopping.abort();
        stopCrds();
        server.close(() => {
          store.close();
          resolve();
        });
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 1000).unref();
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
    return { url: `https://${host}:${port}`, port, store, closed };
  } catch (error) {
    store.close();
    throw error;
  }
}

function listen(server: ReturnType<typeof createServer>, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} on ${host} is in use; choose another port in the config`)
          : error,
      ),
    );
    server.listen(port, host, resolve);
  });
}
