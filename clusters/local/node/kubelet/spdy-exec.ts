// exec and attach over SPDY/3.1: one stream per kind (error, stdin, stdout, stderr, resize), named by the header streamtype.
import { tryWindowSize } from './websocket-channels.ts';
import type { ClientStreams, StreamStatus } from './exec-session.ts';
import { serveSpdy, type SpdyStream, type SpdyTransport } from './spdy-connection.ts';

/** Versions of the stream protocol spoken over SPDY, best first. */
export const spdyProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

/** Serves one session: it begins when all streams that were asked for are there. */
export async function serveSpdyExec(
  transport: SpdyTransport,
  expected: readonly string[],
  session: (streams: ClientStreams) => Promise<StreamStatus>,
): Promise<void> {
  const gone = new AbortController();
  const found = new Map<string, SpdyStream>();
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    const write =
      (type: string) =>
      async (bytes: Buffer): Promise<void> =>
        found.get(type)?.write(bytes);
    const status = await session({
      stdin: found.get('stdin')?.input,
      stdout: write('stdout'),
      stderr: write('stderr'),
      onResize: (listener) => void followSize(found.get('resize'), listener),
      gone: gone.signal,
    });
    for (const type of ['stdout', 'stderr']) await found.get(type)?.end();
    await found.get('error')?.write(Buffer.from(JSON.stringify(status)));
    await found.get('error')?.end();
    transport.close();
  };
  try {
    await serveSpdy(transport, (stream) => {
      found.set(stream.headers.get('streamtype') ?? '', stream);
      if (running === undefined && expected.every((type) => found.has(type)))
        running = run().catch(() => transport.close());
    });
  } finally {
    gone.abort();
    await running;
  }
}

/** Sizes come as JSON objects, one after another. */
async function followSize(
  stream: SpdyStream | undefined,
  listener: Parameters<ClientStreams['onResize']>[0],
): Promise<void> {
  if (stream === undefined) return;
  let text = '';
  for await (const bytes of stream.input) {
    text = (text + bytes.toString('latin1')).slice(-1024);
    const last = /\{[^{}]*\}(?!.*\{[^{}]*\})/s.exec(text);
    const size = last === null ? undefined : tryWindowSize(last[0]);
    if (size !== undefined) listener(size);
  }
}
