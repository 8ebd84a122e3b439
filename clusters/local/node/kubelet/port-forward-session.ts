// `kubectl port-forward`: pairs of SPDY streams (error and data, by requestID), each pair one TCP connection to localhost in the pod.
import type { Socket } from 'node:net';
import { NetworkNamespace } from '../../network/sockets.ts';
import { serveSpdy, type SpdyStream, type SpdyTransport } from './spdy-connection.ts';

/** Name of a pod's network namespace; undefined for one that shares the node's. */
export interface ForwardTarget {
  readonly netns: string | undefined;
  readonly pod: string;
}

interface Pair {
  error?: SpdyStream;
  data?: SpdyStream;
}

/** Serves one client until it leaves; all its connections end with it. */
export async function runPortForward(target: ForwardTarget, transport: SpdyTransport): Promise<void> {
  const namespace = new NetworkNamespace(
    target.netns === undefined ? '/proc/self/ns/net' : `/run/netns/${target.netns}`,
  );
  const pairs = new Map<string, Pair>();
  const sockets = new Set<Socket>();
  try {
    await serveSpdy(transport, (stream) => {
      const id = stream.headers.get('requestid') ?? stream.headers.get('port') ?? '';
      const pair = pairs.get(id) ?? {};
      pairs.set(id, pair);
      if (stream.headers.get('streamtype') === 'error') pair.error = stream;
      else pair.data = stream;
      if (pair.error === undefined || pair.data === undefined) return;
      pairs.delete(id);
      void forward(namespace, target.pod, pair.data, pair.error, sockets);
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    namespace.close();
  }
}

async function forward(
  namespace: NetworkNamespace,
  pod: string,
  data: SpdyStream,
  error: SpdyStream,
  sockets: Set<Socket>,
): Promise<void> {
  const port = Number(data.headers.get('port'));
  try {
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw new Error(`invalid port ${JSON.stringify(data.headers.get('port'))}`);
    const socket = namespace.connect(port, '127.0.0.1');
    sockets.add(socket);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    void closed.then(() => sockets.delete(socket));
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.on('error', () => socket.destroy());
    void (async () => {
      for await (const bytes of data.input) {
        if (socket.destroyed) return;
        if (!socket.write(bytes)) await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))]);
      }
      socket.end();
    })();
    for await (const bytes of socket) await data.write(bytes as Buffer);
  } catch (cause) {
    const text = `error forwarding port ${port} to pod ${pod}, uid : failed to connect to localhost:${port} inside its namespace: ${(cause as Error).message}`;
    await error.write(Buffer.from(text));
  } finally {
    await data.end();
    await error.end();
  }
}
