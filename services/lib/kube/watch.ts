// The bytes of a watch -> its events: one JSON object a line, each line bounded.
import type { IncomingMessage } from 'node:http';
import { KubeConnectionError, KubeError, type Status } from './errors.ts';
import type { KubeObject } from './object.ts';

export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/** An object is at most 1.5 MiB in etcd; JSON and managed fields make it larger. */
const MAX_LINE_BYTES = 16 << 20;
const NEWLINE = 10;

/** Ends when the server does, cleanly or not: the caller goes on from the last version it saw. ERROR events throw. */
export async function* readWatch<T extends KubeObject>(
  response: IncomingMessage,
  where: string,
  signal?: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        pending.push(chunk.subarray(start, end));
        const line = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
        pending = [];
        pendingBytes = 0;
        start = end + 1;
        if (line.length > 0) yield toEvent<T>(line.toString('utf8'), where);
      }
      if (start < chunk.length) pending.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
      if (pendingBytes > MAX_LINE_BYTES) {
        throw new KubeConnectionError(`${where}: an event larger than ${MAX_LINE_BYTES} bytes`);
      }
    }
  } catch (error) {
    if (signal?.aborted) return;
    if (error instanceof KubeError || error instanceof KubeConnectionError) throw error;
    throw new KubeConnectionError(`${where}: ${(error as Error).message}`, { cause: error });
  } finally {
    response.destroy();
  }
}

function toEvent<T extends KubeObject>(line: string, where: string): WatchEvent<T> {
  let event: { type?: string; object?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (cause) {
    throw new KubeConnectionError(`${where}: an event that is not JSON`, { cause });
  }
  if (event.type === 'ERROR') {
    const status = (event.object ?? {}) as Status;
    throw new KubeError(where, status.code ?? 500, status);
  }
  return event as WatchEvent<T>;
}
