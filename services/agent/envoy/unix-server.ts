// A gRPC server on a Unix socket that only this user can open: the way between agent and Envoy.
import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Server, ServerCredentials } from '@grpc/grpc-js';

/** Listens until the signal aborts; a socket file left behind by an agent that died is replaced. */
export async function listenOnUnixSocket(server: Server, path: string, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  await chmod(path, 0o600);
  const stop = (): void => server.forceShutdown();
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
}
