// istiod's own server certificate for 15012 and 15017: issued by its CA, renewed at half of its life and at once when
// the CA changes, presented to new connections without a restart.
import { X509Certificate } from 'node:crypto';
import { waitFor } from '#lib/backoff/backoff.ts';
import type { ServerIdentity } from '#lib/rpc/server-credentials.ts';
import type { CertificateAuthority } from './authority.ts';

const MAX_WAIT_MS = 24 * 3_600_000;

/** The names under which workloads and the API server reach this istiod. */
export function istiodDnsNames(
  namespace = 'istio-system',
  revision = 'default',
  customHosts: readonly string[] = [],
): string[] {
  const names = [
    'istiod',
    'istiod-remote',
    'istio-pilot',
    ...(revision === 'default' || revision === '' ? [] : [`istiod-${revision}`]),
  ];
  return [...new Set([...names.map((name) => `${name}.${namespace}.svc`), ...customHosts])];
}

/** A server identity that renews itself. */
export interface RenewingServerIdentity {
  current(): ServerIdentity;
  onChange(listener: (identity: ServerIdentity) => void): () => void;
}

/** Issues the first certificate, then renews until the signal aborts. */
export async function createServerIdentity(
  options: {
    readonly ca: CertificateAuthority;
    readonly dnsNames: readonly string[];
    /** @default 90 days */
    readonly ttlSeconds?: number;
    readonly now?: () => number;
    readonly log?: (line: string) => void;
  },
  signal: AbortSignal,
): Promise<RenewingServerIdentity> {
  const { ca, dnsNames, now = Date.now, log = () => {} } = options;
  const listeners = new Set<(identity: ServerIdentity) => void>();
  const issue = async (): Promise<ServerIdentity> => ({
    keyPair: await ca.serverCertificate(dnsNames, options.ttlSeconds),
    clientRootsPem: ca.rootCertPem,
  });
  let identity = await issue();
  const renew = async (): Promise<void> => {
    try {
      identity = await issue();
      for (const listener of listeners) listener(identity);
    } catch (error) {
      log(`keeping the server certificate: ${(error as Error).message}`);
    }
  };
  const stopListening = ca.onChange(() => void renew());
  signal.addEventListener('abort', stopListening, { once: true });
  void (async () => {
    while (!signal.aborted) {
      const waitMs = untilHalfLife(identity, now());
      // Timers hold less than 25 days.
      await waitFor(Math.min(waitMs, MAX_WAIT_MS), signal);
      if (!signal.aborted && waitMs <= MAX_WAIT_MS) await renew();
    }
  })();
  return {
    current: () => identity,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function untilHalfLife(identity: ServerIdentity, nowMs: number): number {
  const certificate = new X509Certificate(identity.keyPair.certificateChainPem);
  const half = (Date.parse(certificate.validFrom) + Date.parse(certificate.validTo)) / 2;
  return Math.max(1000, half - nowMs);
}
