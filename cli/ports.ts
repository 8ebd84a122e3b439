// Host ports that an environment is about to open: taken ones are named before anything starts.
import { createServer } from 'node:net';
import { Failure } from './failure.ts';

/** A port on 127.0.0.1 and what it is for. */
export interface WantedPort {
  readonly port: number;
  readonly what: string;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(false) : reject(error),
    );
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Throws a Failure that names every taken port and the option that moves them. */
export async function ensurePortsFree(wanted: readonly WantedPort[]): Promise<void> {
  const taken: WantedPort[] = [];
  for (const it of wanted) if (!(await isFree(it.port))) taken.push(it);
  if (taken.length === 0) return;
  const named = taken.map((it) => `127.0.0.1:${it.port} (${it.what})`).join(', ');
  throw new Failure(`in use already: ${named}; end what listens there, or move every port with --port-offset N`);
}
