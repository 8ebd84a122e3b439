// The API server as an object: construct without I/O, then start(signal).
import type { ApiServerOptions } from './options.ts';

/** A started server. */
export interface RunningApiServer {
  /** `https://host:port`. */
  readonly url: string;
  readonly port: number;
  /** Resolves when the server has ended: sockets closed, store committed and closed. */
  readonly closed: Promise<void>;
}

export interface ApiServer {
  start(signal: AbortSignal): Promise<RunningApiServer>;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  return {
    start: () => Promise.reject(new Error(`api server in ${options.dataDir}: not built yet`)),
  };
}
