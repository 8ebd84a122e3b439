// Cluster DNS on UDP and TCP: one question a datagram, at most a few at once on a connection, no forwarder.
import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import { encodeReply, parseQuestion, RCODE } from './message.ts';
import { resolve, type Zone } from './zone.ts';

const maxConnections = 256;
const idleMs = 10_000;
const maxTcpBytes = 65_535;

export class DnsServer {
  readonly #zone: Zone;
  readonly #log: (line: string) => void;

  constructor(zone: Zone, log: (line: string) => void) {
    this.#zone = zone;
    this.#log = log;
  }

  /** Listens until the signal aborts; resolves when both sockets are bound. */
  async start(address: string, port: number, signal: AbortSignal): Promise<{ port: number }> {
    const udp = createSocket('udp4');
    udp.on('error', (error) => this.#log(`dns: ${error.message}`));
    udp.on('message', (message, from) => {
      const reply = this.#answer(message, undefined);
      if (reply) udp.send(reply, from.port, from.address, () => undefined);
    });
    await new Promise<void>((done, fail) => {
      udp.once('error', fail);
      udp.bind(port, address, () => {
        udp.off('error', fail);
        done();
      });
    });
    const bound = udp.address().port;
    const tcp = createServer((socket) => this.#serve(socket));
    tcp.maxConnections = maxConnections;
    await new Promise<void>((done, fail) => {
      tcp.once('error', fail);
      tcp.listen(bound, address, () => {
        tcp.off('error', fail);
        done();
      });
    });
    tcp.on('error', (error) => this.#log(`dns: ${error.message}`));
    signal.addEventListener(
      'abort',
      () => {
        udp.close();
        tcp.close();
      },
      { once: true },
    );
    return { port: bound };
  }

  #answer(message: Buffer, limit: number | undefined): Buffer | undefined {
    const question = parseQuestion(message);
    if (!question) return undefined;
    try {
      return encodeReply(question, resolve(question, this.#zone), limit ?? question.udpSize);
    } catch (error) {
      this.#log(`BUG: dns: ${question.name}: ${(error as Error).message}`);
      return encodeReply(question, { rcode: RCODE.serverFailure, answers: [] }, limit ?? question.udpSize);
    }
  }

  #serve(socket: Socket): void {
    let pending = Buffer.alloc(0);
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2) {
        const length = pending.readUInt16BE(0);
        if (pending.length < length + 2) break;
        const reply = this.#answer(pending.subarray(2, length + 2), maxTcpBytes);
        pending = pending.subarray(length + 2);
        if (!reply) return socket.destroy();
        const head = Buffer.alloc(2);
        head.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([head, reply]));
      }
    });
  }
}
