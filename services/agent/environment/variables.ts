// Reads environment variables by type; a value that does not parse is an error that names the variable.
import { tryParseGoDuration } from './go-duration.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/** A setting of the pod that is missing or wrong. */
export class AgentConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AgentConfigError';
  }
}

export function durationMs(env: Variables, name: string, fallbackMs: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallbackMs;
  const value = tryParseGoDuration(text);
  if (value === undefined)
    throw new AgentConfigError(`${name}=${JSON.stringify(text)} is no duration; write 24h, 90s or 1h30m`);
  return value;
}

export function ratio(env: Variables, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new AgentConfigError(`${name}=${JSON.stringify(text)} is not between 0 and 1`);
  return value;
}

export const isOn = (env: Variables, name: string): boolean => /^(?:1|t|true)$/i.test(env[name] ?? '');
