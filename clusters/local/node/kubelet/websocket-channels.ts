// exec and attach over WebSocket: each message is a channel number and its bytes (v4 and v5 of the channel protocol).
// @see https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go
import type { WebSocket } from 'ws';
import type { WindowSize } from '../container/pty.ts';
import { ByteQueue } from './byte-queue.ts';
import type { ClientStreams, StreamStatus } from './exec-session.ts';

/** Subprotocols spoken here, best first. */
export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Largest accepted resize message, in bytes. */
const maxResize = 1024;

/** Parses `{"Width":80,"Height":24}`; undefined for anything else. */
export function tryWindowSize(text: string): WindowSize | undefined {
  try {
    const value = JSON.parse(text) as { Width?: unknown; Height?: unknown } | null;
    const { Width: columns, Height: rows } = value ?? {};
    const isSize = (one: unknown): one is number =>
      typeof one === 'number' && Number.isInteger(one) && one >= 0 && one <= 65535;
    return isSize(columns) && isSize(rows) ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

/** Runs one session over a WebSocket and reports its outcome on the error channel. */
export async function serveChannels(
  socket: WebSocket,
  wants: { readonly stdin: boolean },
  session: (streams: ClientStreams) => Promise<StreamStatus>,
): Promise<void> {
  const gone = new AbortController();
  const stdin = new ByteQueue((full) => (full ? socket.pause() : socket.resume()));
  let resized: (size: WindowSize) => void = () => undefined;
  let lastSize: WindowSize | undefined;
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (!isBinary || data.length === 0) return;
    const body = data.subarray(1);
    if (data[0] === channel.stdin) stdin.push(body);
    else if (data[0] === channel.close && body[0] === channel.stdin) stdin.end();
    else if (data[0] === channel.resize && body.length <= maxResize) {
      lastSize = tryWindowSize(body.toString('utf8')) ?? lastSize;
      if (lastSize !== undefined) resized(lastSize);
    }
  });
  socket.on('close', () => {
    stdin.end();
    gone.abort();
  });
  socket.on('error', () => socket.terminate());
  const send = (number: number, bytes: Buffer): Promise<void> =>
    new Promise((resolve) => {
      if (socket.readyState !== socket.OPEN) return resolve();
      socket.send(Buffer.concat([Buffer.from([number]), bytes]), { binary: true }, () => resolve());
    });
  const status = await session({
    stdin: wants.stdin ? stdin : undefined,
    stdout: (bytes) => send(channel.stdout, bytes),
    stderr: (bytes) => send(channel.stderr, bytes),
    onResize: (listener) => {
      resized = listener;
      if (lastSize !== undefined) listener(lastSize);
    },
    gone: gone.signal,
  });
  await send(channel.error, Buffer.from(JSON.stringify(status)));
  socket.close(1000);
}
