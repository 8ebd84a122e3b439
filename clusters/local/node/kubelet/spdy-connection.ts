// SPDY/3.1, the server's side: what kubectl multiplexes port-forward and exec over, raw or inside a WebSocket.
// Frames of streams, pings and resets; flow control is left to the transport, as Kubernetes' own library does.
// @see https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
import { constants, createDeflate, createInflate, inflateSync } from 'node:zlib';
import { ByteQueue } from './byte-queue.ts';

/** The compression dictionary of SPDY/3 (1423 bytes, Adler-32 e3c6a7c2), itself compressed. */
const dictionary = inflateSync(
  Buffer.from(
    'eNplVNty2zYQ1dSylEmTtEl+AM8tGYMk6Did8YN7cet03GQad/oMgSsKMQggIKhLvr67oOQq7YwkHhzs5eyFmkwmc+ejdrafTCbTFciGnt71EZ8nfqDHrAEDERCdxiAVgZlUCjxdPhtRrlYy9EDMN3sGrHKNtu0RZaRtB9lShKd7KiAFlPxk5E+lMW6TDIa4ckF/liSPCCXVCnLlbAzOIPEYoQW1v35CF2BjvpA9Bfr2cD7S8cAdCXn2wIFt4+oLK6cOyb8+cF1TJy37Y5J/nD3uPJ2njUwdm0KUlHkGW49SEc0R6ZBKni6D61Lfx34/0su8k1GRiOeEUfdSQ5P32qa2P0XSOgsPVuRxkPAS8WD/72NkHx9Ckc9RWU86uc2XLmxkaEjRzAfZdhLRCx/cdpfTELAsrcZyXv7LHo/m9KBhHmAJAQJ1LEAMaLqM6TjrIawT+ipFmuMqaZOI5whtj37Ho5oPvg2yIdPHA/rmOC1LTZquZdjRvqw16ZyjdLuf7maz+a/gWQcolco+adN2zvoo45BqLTln736nGCisHyt59Nvd3fuz4lVBHkMwqSfDwmhFQnDBcf/cvU6y7gF8Lo1ep0TYj1bbgvOCFyV9ypLXJT+vOK94WfGq4qLidUXMa8FLwWvBzwXhC8HfiIKLohBFKYpKFEIUtSjORfG65mXNRU2hKvaHs/nV2HusAhOzG4vT69IcSi7QgP00LmLFC3br1tCw94AGFimzE1jxj7Jhf8KnAfoo0OYvexgmNAJTXLuw0E0DVqRwEYnBNjU63mDcYKVhH9Ik2S8huFBjCLK66byBDpMA2lbJRCug6Gscs1wYeCstu4YFu5WBXfmAzx17O1j8GnY1tOjiI3unIoZbs59BMc5/SB8sw2bsboCM/Q0NotWQseugM/ZBRvwZ8PbX2zu1Guw93kfYxrNV7EymO9yZM2/bPfroD6jVy0x6b/T4Ipxt0fqLM/l/T2yK5o3UdoQfsZ5eBe1jNq6FD3qNq0bvEUa+bD9rnzWwNMhlfaNW+//FyyEu84vDQfcuv7io3+RFRnz2XQb20yV/9Q/jxqfC',
    'base64',
  ),
);

const maxFrame = 1 << 20;
const maxHeaderBytes = 64 * 1024;
const maxStreams = 1000;
/** Most data of one frame written, in bytes. */
const maxData = 32 * 1024;
const finished = 1;

const frame = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const;

/** Where frames come from and go to. `write` settles when there is room for more. */
export interface SpdyTransport {
  readonly input: AsyncIterable<Buffer>;
  write(bytes: Buffer): Promise<void>;
  close(): void;
}

export class SpdyStream {
  readonly id: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** What the client sends on this stream, until its end. */
  readonly input = new ByteQueue();
  private readonly send: (flags: number, bytes: Buffer) => Promise<void>;
  private ended = false;

  constructor(id: number, headers: ReadonlyMap<string, string>, send: (flags: number, bytes: Buffer) => Promise<void>) {
    this.id = id;
    this.headers = headers;
    this.send = send;
  }

  async write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && !this.ended; at += maxData)
      await this.send(0, bytes.subarray(at, at + maxData));
  }

  /** No more from this side. */
  async end(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    await this.send(finished, Buffer.alloc(0));
  }
}

/** Names and values of a header block; undefined where it is malformed. */
export function tryHeaders(block: Buffer): Map<string, string> | undefined {
  if (block.length < 4) return undefined;
  const count = block.readUInt32BE(0);
  const result = new Map<string, string>();
  let at = 4;
  const text = (): string | undefined => {
    if (at + 4 > block.length) return undefined;
    const length = block.readUInt32BE(at);
    at += 4;
    if (length > block.length - at) return undefined;
    at += length;
    return block.toString('latin1', at - length, at);
  };
  for (let index = 0; index < count; index += 1) {
    const name = text();
    const value = text();
    if (name === undefined || value === undefined) return undefined;
    result.set(name.toLowerCase(), value);
  }
  return result;
}

/** Serves one connection until it ends; throws on what is no SPDY. Every stream is answered and handed out. */
export async function serveSpdy(transport: SpdyTransport, onStream: (stream: SpdyStream) => void): Promise<void> {
  const streams = new Map<number, SpdyStream>();
  const inflate = createInflate({ dictionary, finishFlush: constants.Z_SYNC_FLUSH });
  const deflate = createDeflate({ dictionary });
  inflate.on('error', () => undefined);
  const codec = (engine: typeof inflate | typeof deflate, bytes: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      let size = 0;
      const take = (part: Buffer): void => {
        size += part.length;
        if (size > maxHeaderBytes) reject(new Error(`SPDY: headers larger than ${maxHeaderBytes} bytes`));
        else parts.push(part);
      };
      engine.on('data', take);
      engine.once('error', reject);
      const done = (): void => {
        engine.off('data', take).off('error', reject);
        resolve(Buffer.concat(parts));
      };
      engine.write(bytes, () =>
        engine === deflate ? deflate.flush(constants.Z_SYNC_FLUSH, () => setImmediate(done)) : setImmediate(done),
      );
    });
  const control = (type: number, flags: number, body: Buffer): Promise<void> => {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt32BE((flags << 24) | body.length, 4);
    return transport.write(Buffer.concat([head, body]));
  };
  const data =
    (id: number) =>
    (flags: number, bytes: Buffer): Promise<void> => {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(id, 0);
      head.writeUInt32BE(((flags << 24) | bytes.length) >>> 0, 4);
      return transport.write(Buffer.concat([head, bytes]));
    };

  const handle = async (head: number, type: number, flags: number, body: Buffer): Promise<void> => {
    if (head >>> 31 === 0) {
      const stream = streams.get(head);
      stream?.input.push(body);
      if ((flags & finished) !== 0) stream?.input.end();
      return;
    }
    if (type === frame.synStream) {
      if (body.length < 10) throw new Error('SPDY: a SYN_STREAM is too short');
      const headers = tryHeaders(await codec(inflate, body.subarray(10)));
      if (headers === undefined || streams.size >= maxStreams)
        throw new Error('SPDY: malformed headers, or too many streams');
      const id = body.readUInt32BE(0) & 0x7fffffff;
      const stream = new SpdyStream(id, headers, data(id));
      streams.set(id, stream);
      const reply = Buffer.alloc(4);
      reply.writeUInt32BE(id, 0);
      await control(frame.synReply, 0, Buffer.concat([reply, await codec(deflate, Buffer.alloc(4))]));
      if ((flags & finished) !== 0) stream.input.end();
      onStream(stream);
    } else if (type === frame.reset && body.length >= 4) {
      const id = body.readUInt32BE(0) & 0x7fffffff;
      streams.get(id)?.input.end();
      streams.delete(id);
    } else if (type === frame.ping) await control(frame.ping, 0, body);
  };

  let rest = Buffer.alloc(0);
  try {
    for await (const bytes of transport.input) {
      rest = rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes]);
      while (rest.length >= 8) {
        const head = rest.readUInt32BE(0);
        const length = rest.readUInt32BE(4) & 0xffffff;
        if (length > maxFrame) throw new Error(`SPDY: a frame of ${length} bytes; ${maxFrame} is the limit`);
        if (rest.length < 8 + length) break;
        const body = rest.subarray(8, 8 + length);
        if (head >>> 31 === 1 && head >>> 16 !== 0x8003) throw new Error('SPDY: not version 3');
        if (head >>> 31 === 1 && (head & 0xffff) === frame.goAway) return;
        await handle(head, head & 0xffff, rest[4] ?? 0, body);
        rest = Buffer.from(rest.subarray(8 + length));
      }
    }
  } finally {
    for (const stream of streams.values()) stream.input.end();
    inflate.close();
    deflate.close();
    transport.close();
  }
}
