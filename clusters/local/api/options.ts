// What the API server process is told: one JSON file, checked before anything starts.

export interface ApiServerOptions {
  /** The cluster's home directory; unused by the server itself, kept for messages. */
  readonly home?: string | undefined;
  /** Directory of the store; made with mode 0700. */
  readonly dataDir: string;
  /** @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** 0 picks a free port. @default 6443 */
  readonly port?: number | undefined;
  /** Directory that {@link ensurePki} filled, or that is filled at start. */
  readonly pkiDir: string;
  /** Range of Service addresses; its first address is the service `kubernetes`. @default '10.96.0.0/16' */
  readonly serviceCidr?: string | undefined;
  /** Address in the endpoints of `kubernetes.default`. @default host */
  readonly advertiseAddress?: string | undefined;
  /** Range of node ports. @default '30000-32767' */
  readonly nodePorts?: string | undefined;
  /** How many watch events are kept for resuming. @default 20000 */
  readonly eventHistory?: number | undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a configuration; throws with the name of the wrong key. */
export function toApiServerOptions(text: string): ApiServerOptions {
  if (text.length > 1 << 20) throw new Error('config file is larger than 1 MiB');
  const raw: unknown = JSON.parse(text);
  if (!isRecord(raw)) throw new Error('config: expected a JSON object');
  const optional = (key: string): string | undefined => {
    const value = raw[key];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '') throw new Error(`config: ${key}: expected a non-empty string`);
    return value;
  };
  const required = (key: string): string => {
    const value = optional(key);
    if (value === undefined) throw new Error(`config: ${key} is missing`);
    return value;
  };
  const number = (key: string): number | undefined => {
    const value = raw[key];
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      throw new Error(`config: ${key}: expected a whole number`);
    return value;
  };
  return {
    home: optional('home'),
    dataDir: required('dataDir'),
    host: optional('host'),
    port: number('port'),
    pkiDir: required('pkiDir'),
    serviceCidr: optional('serviceCidr'),
    advertiseAddress: optional('advertiseAddress'),
    nodePorts: optional('nodePorts'),
    eventHistory: number('eventHistory'),
  };
}
