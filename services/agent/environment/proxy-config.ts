// PROXY_CONFIG, the JSON of istio.mesh.v1alpha1.ProxyConfig that the injector writes, over Istio's defaults.
import { tryParseGoDuration } from './go-duration.ts';
import { AgentConfigError, type Variables } from './variables.ts';

/** The part of istio.mesh.v1alpha1.ProxyConfig that the data plane reads. */
export interface ProxyConfig {
  /** @default 'istiod.istio-system.svc:15012' */
  readonly discoveryAddress: string;
  /** Prefix of the node cluster. @default 'istio-proxy' */
  readonly serviceCluster: string;
  /** Worker threads; our proxy has one. @default 2 */
  readonly concurrency: number;
  /** @default 45 */
  readonly drainDurationSeconds: number;
  /** @default 5 */
  readonly terminationDrainDurationSeconds: number;
  /** @default 15000 */
  readonly proxyAdminPort: number;
  /** @default 15020 */
  readonly statusPort: number;
  readonly holdApplicationUntilProxyStarts: boolean;
  readonly proxyMetadata: Readonly<Record<string, string>>;
  /** @default '/etc/istio/proxy' */
  readonly configPath: string;
  /** Everything that was written, for the node's metadata. */
  readonly raw: Readonly<Record<string, unknown>>;
}

const MAX_BYTES = 256 * 1024;

/** Reads PROXY_CONFIG; fields that we do not know stay in `raw`. */
export function readProxyConfig(env: Variables): ProxyConfig {
  const raw = parse(env['PROXY_CONFIG'] ?? '');
  const text = (name: string, fallback: string): string => typed(raw, name, 'string', fallback);
  return {
    discoveryAddress: text('discoveryAddress', 'istiod.istio-system.svc:15012'),
    serviceCluster: text('serviceCluster', 'istio-proxy'),
    concurrency: typed(raw, 'concurrency', 'number', 2),
    drainDurationSeconds: seconds(raw, 'drainDuration', 45),
    terminationDrainDurationSeconds: seconds(raw, 'terminationDrainDuration', 5),
    proxyAdminPort: typed(raw, 'proxyAdminPort', 'number', 15_000),
    statusPort: typed(raw, 'statusPort', 'number', 15_020),
    holdApplicationUntilProxyStarts: typed(raw, 'holdApplicationUntilProxyStarts', 'boolean', false),
    proxyMetadata: strings(raw['proxyMetadata']),
    configPath: text('configPath', '/etc/istio/proxy'),
    raw,
  };
}

function parse(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  if (text.length > MAX_BYTES)
    throw new AgentConfigError(`PROXY_CONFIG of ${text.length} bytes; at most ${MAX_BYTES} are read`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AgentConfigError(`PROXY_CONFIG is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AgentConfigError('PROXY_CONFIG is no JSON object');
  return value as Record<string, unknown>;
}

interface Types {
  string: string;
  number: number;
  boolean: boolean;
}

function typed<K extends keyof Types>(
  raw: Record<string, unknown>,
  name: string,
  type: K,
  fallback: Types[K],
): Types[K] {
  const value = raw[name];
  if (value === undefined || value === null || value === '') return fallback;
  if (typeof value !== type)
    throw new AgentConfigError(`PROXY_CONFIG.${name} is ${JSON.stringify(value)}; a ${type} is expected`);
  return value as Types[K];
}

function seconds(raw: Record<string, unknown>, name: string, fallback: number): number {
  const text = typed(raw, name, 'string', '');
  if (text === '') return fallback;
  const ms = tryParseGoDuration(text);
  if (ms === undefined)
    throw new AgentConfigError(`PROXY_CONFIG.${name} is ${JSON.stringify(text)}; a duration like 5s is expected`);
  return ms / 1000;
}

function strings(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
