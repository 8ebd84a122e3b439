// What /debug shows: which proxy has which version, and what it was last given.
import { fromStruct, unpackAny } from '#wire/xds.ts';
import type { Connection } from './connection.ts';
import type { DebugPage } from './http-server.ts';
import { pushOrder } from './resources.ts';

const shortNames = ['cluster', 'endpoint', 'listener', 'route'] as const;

/** `<pod>.<namespace>` of a connection. */
export const proxyId = (connection: Connection): string => (connection.node?.id ?? '').split('~')[2] ?? '';

function metadataOf(connection: Connection, key: string): string {
  const value = fromStruct(connection.node?.metadata)[key];
  return typeof value === 'string' ? value : '';
}

/** One row of syncz, as istioctl reads it. */
export function syncStatus(connection: Connection): Record<string, unknown> {
  const row: Record<string, unknown> = {
    cluster_id: metadataOf(connection, 'CLUSTER_ID') || 'Kubernetes',
    proxy: proxyId(connection),
    proxy_type: (connection.node?.id ?? '').split('~')[0],
    istio_version: metadataOf(connection, 'ISTIO_VERSION'),
  };
  const resources: Record<string, unknown> = {};
  for (const [typeUrl, subscription] of connection.subscriptions) {
    const { answer, sentNonce } = subscription;
    const acked = answer.kind === 'ack' ? answer.nonce : '';
    const short = shortNames[pushOrder.indexOf(typeUrl)];
    if (short !== undefined) {
      row[`${short}_sent`] = sentNonce;
      row[`${short}_acked`] = acked;
    }
    resources[typeUrl] = { sent: sentNonce, acked, ...(answer.kind === 'nack' ? { lastError: answer.detail } : {}) };
  }
  return { ...row, resources };
}

/** Resources that a proxy was given, decoded, by type. */
function configDump(connection: Connection): Record<string, unknown> {
  return Object.fromEntries(
    [...connection.resources].map(([typeUrl, resources]) => [
      typeUrl,
      [...resources.values()].map(({ name, version, resource }) => ({
        name,
        version,
        resource: typeUrl.endsWith('.Secret') ? '[redacted]' : opened(unpackAny(resource).message),
      })),
    ]),
  );
}

/** Opens nested packed messages, so that a reader sees what is in them. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object' || value === null) return value;
  const { typeUrl, value: bytes } = value as { typeUrl?: unknown; value?: unknown };
  if (typeof typeUrl === 'string' && (bytes === undefined || bytes instanceof Uint8Array)) {
    try {
      return { '@type': typeUrl, ...(opened(unpackAny(value as never).message) as object) };
    } catch {
      return { '@type': typeUrl };
    }
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, opened(each)]));
}

/** Pages over the open connections. */
export function debugPages(connections: () => Iterable<Connection>): Readonly<Record<string, DebugPage>> {
  const all = (): Connection[] => [...connections()].filter((connection) => connection.node !== undefined);
  const selected = (query: URLSearchParams): Connection[] => {
    const id = query.get('proxyID');
    return id === null ? all() : all().filter((connection) => proxyId(connection) === id);
  };
  return {
    syncz: (query) => {
      const namespace = query.get('namespace');
      return all()
        .filter((connection) => namespace === null || proxyId(connection).endsWith(`.${namespace}`))
        .map(syncStatus);
    },
    connections: () => ({
      totalClients: all().length,
      clients: all().map((connection) => ({
        connectionId: connection.id,
        connectedAt: new Date(connection.connectedAtMs).toISOString(),
        protocol: connection.protocol,
      })),
    }),
    config_dump: (query) => {
      const connection = selected(query)[0];
      return query.get('proxyID') === null || connection === undefined ? undefined : configDump(connection);
    },
    adsz: (query) => selected(query).map((connection) => ({ proxy: proxyId(connection), ...syncStatus(connection) })),
  };
}
