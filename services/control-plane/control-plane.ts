// The control plane of one cluster: CA and ports first, then everything is read, then proxies are served. The order of
// the steps in startControlPlane is the design; each part is made elsewhere.
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { ConfigMapName, Component, DEFAULT_CLUSTER_ID, SYSTEM_NAMESPACE } from '#api/names.ts';
import { type KubeClient, type KubeObject, LeaderElection, refs } from '#lib/kube/index.ts';
import { refuseForeignClients } from '#lib/rpc/foreign-clients.ts';
import { RotatingServerCredentials } from '#lib/rpc/server-credentials.ts';
import { istioCertificateService } from '#wire/ca.ts';
import { createAuthenticator } from './ca/authenticate.ts';
import { createCa } from './ca/authority.ts';
import { createCertificateService } from './ca/certificate-service.ts';
import { distributeRootCert } from './ca/root-cert-config-maps.ts';
import { createSecretStore } from './ca/secret-store.ts';
import { createServerIdentity, istiodDnsNames } from './ca/server-identity.ts';
import { createTokenReviewer } from './ca/token-review.ts';
import { debounce } from './ingest/debounce.ts';
import { parseMeshSettings } from './ingest/mesh-settings.ts';
import { ResourceStore } from './ingest/resource-store.ts';
import { injectionHandler } from './injection.ts';
import { createMetrics } from './metrics.ts';
import { buildModel } from './model/build.ts';
import { ResourceSets } from './resource-sets.ts';
import { debugPages } from './serve/debug-pages.ts';
import { DiscoveryServer } from './serve/discovery-server.ts';
import { startHttpServer } from './serve/http-server.ts';
import { startWebhookServer } from './serve/webhook-server.ts';
import { keepWebhookCaBundles } from './status/webhook-ca-bundle.ts';
import { answerValidation } from './validate/admission.ts';

interface ConfigMap extends KubeObject {
  data?: Readonly<Record<string, string>> | undefined;
}

/** Ports; 0 picks a free one. */
export interface ControlPlanePorts {
  readonly http: number;
  readonly grpc: number;
  readonly secureGrpc: number;
  readonly monitoring: number;
  readonly webhooks: number;
}

export interface ControlPlaneOptions {
  readonly client: KubeClient;
  readonly ports: ControlPlanePorts;
  /** @default '0.0.0.0' */
  readonly host?: string | undefined;
  /** @default 'istio-system' */
  readonly namespace?: string | undefined;
  /** @default 'default' */
  readonly revision?: string | undefined;
  /** Name of this replica. @default 'istiod' */
  readonly identity?: string | undefined;
  readonly version: string;
  /** Milliseconds without a change before a push. @default 10 */
  readonly quietMs?: number | undefined;
  /** Longest wait for a push, in milliseconds. @default 250 */
  readonly longestMs?: number | undefined;
  readonly log: (line: string) => void;
}

export interface ControlPlane {
  readonly ports: ControlPlanePorts;
  /** Resolves when everything has been read once and proxies are served. */
  readonly ready: Promise<void>;
  /** Stops being ready, ends the streams so that proxies go elsewhere, and closes every port. */
  drain(): Promise<void>;
}

/** Debug answers and pushes may hold large messages; what proxies send is small. */
const GRPC_OPTIONS = {
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
};

/** Resolves when all ports are listened on. Everything ends when the signal aborts. */
export async function startControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<ControlPlane> {
  const { client, log, version, host = '0.0.0.0', namespace = SYSTEM_NAMESPACE, revision = 'default' } = options;
  const mesh = await client.tryGet<ConfigMap>(refs.configMaps, {
    namespace,
    name: ConfigMapName.mesh,
  });
  const { trustDomain } = parseMeshSettings(mesh?.data?.['mesh']);

  const ca = await createCa({ trustDomain, store: createSecretStore(client, namespace), log }, signal);
  const dnsNames = istiodDnsNames(namespace, revision);
  const server = await createServerIdentity({ ca, dnsNames, log }, signal);
  const authenticate = createAuthenticator({
    trustDomain,
    reviewToken: createTokenReviewer(client),
    clusterId: DEFAULT_CLUSTER_ID,
    log,
  });

  const sets = new ResourceSets();
  const store = new ResourceStore({ client, systemNamespace: namespace, log });
  let draining = false;
  const isReady = (): boolean => !draining && sets.model !== undefined;
  const metrics = createMetrics(version, () => discovery.connections.size, Date.now());
  const discovery: DiscoveryServer = new DiscoveryServer({
    resourcesFor: (node, connection) => sets.for(node, connection),
    now: Date.now,
    log,
    onSent: metrics.sent,
    onRejected: metrics.rejected,
  });

  const plain = new Server(GRPC_OPTIONS);
  discovery.register(plain);
  const secure = new Server(GRPC_OPTIONS);
  discovery.register(secure, authenticate);
  secure.addService(istioCertificateService as unknown as ServiceDefinition, {
    CreateCertificate: createCertificateService({ ca, authenticate, onEvent: metrics.ca, log }).createCertificate,
  });
  const credentials = new RotatingServerCredentials(server.current());
  const grpc = await bind(plain, `${host}:${options.ports.grpc}`, ServerCredentials.createInsecure());
  const secureGrpc = await bind(secure, `${host}:${options.ports.secureGrpc}`, credentials);
  refuseForeignClients(secure, [trustDomain], log);
  const closeGrpc = (): void => {
    plain.forceShutdown();
    secure.forceShutdown();
  };
  signal.addEventListener('abort', closeGrpc, { once: true });

  const webhooks = await startWebhookServer(
    {
      host,
      port: options.ports.webhooks,
      identity: server.current(),
      handlers: {
        inject: injectionHandler({ configMap: (name) => store.configMap(name), revision, log }),
        validate: ({ contentType, body }) => answerValidation(contentType, body),
      },
      isReady,
      log,
    },
    signal,
  );
  server.onChange((identity) => {
    credentials.update(identity);
    webhooks.update(identity);
  });

  const http = {
    host,
    isReady,
    version,
    metrics: () => metrics.registry.expose(),
    debug: debugPages(() => discovery.connections.values()),
    authenticate,
    systemNamespace: namespace,
  };
  const httpPort = await startHttpServer({ ...http, port: options.ports.http }, signal);
  const monitoring = await startHttpServer({ ...http, port: options.ports.monitoring }, signal);

  let changedAtMs: number | undefined;
  const rebuild = (): void => {
    if (!store.hasSynced) return;
    const beganMs = performance.now();
    try {
      const model = buildModel(store.snapshot());
      sets.use(model);
      metrics.modelBuilt((performance.now() - beganMs) / 1000, model.services.size, model.virtualServices.length);
      discovery.push();
      if (changedAtMs !== undefined) metrics.converged((performance.now() - changedAtMs) / 1000);
    } catch (error) {
      log(`BUG: the model could not be built, the last one stays in force: ${(error as Error).stack ?? error}`);
    }
    changedAtMs = undefined;
  };
  const changed = debounce(rebuild, { quietMs: options.quietMs ?? 10, longestMs: options.longestMs ?? 250 }, signal);
  const ready = store
    .start((kind) => {
      metrics.triggered(kind);
      changedAtMs ??= performance.now();
      changed();
    }, signal)
    .then(() => {
      if (!signal.aborted) rebuild();
    });

  lead(options, namespace, signal, (leading) => {
    distributeRootCert({ client, ca, log }, leading);
    keepWebhookCaBundles(
      {
        client,
        rootCertPem: () => ca.rootCertPem,
        onRootsChange: (listener) => ca.onChange(listener),
        service: { name: revision === 'default' ? Component.istiod : `${Component.istiod}-${revision}`, namespace },
        log,
      },
      leading,
    );
  });

  return {
    ports: { http: httpPort, grpc, secureGrpc, monitoring, webhooks: webhooks.port },
    ready,
    drain: async () => {
      draining = true;
      discovery.drain();
      await Promise.all(
        [plain, secure].map((each) => new Promise<void>((resolve) => each.tryShutdown(() => resolve()))),
      );
    },
  };
}

/** What only one replica does at a time. */
function lead(
  options: ControlPlaneOptions,
  namespace: string,
  signal: AbortSignal,
  work: (leading: AbortSignal) => void,
): void {
  const election = new LeaderElection({
    client: options.client,
    lease: { namespace, name: 'istio-leader' },
    identity: options.identity ?? Component.istiod,
    onStartedLeading: (leading) => {
      work(leading);
      return new Promise<void>((resolve) => leading.addEventListener('abort', () => resolve(), { once: true }));
    },
    onError: (error) => options.log(`leader election: ${(error as Error).message}`),
  });
  void election
    .run(signal)
    .catch((error: unknown) => options.log(`BUG: leader election ended: ${(error as Error).stack ?? error}`));
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(new Error(`cannot listen on ${address}: ${error.message}`));
      else resolve(port);
    });
  });
}
