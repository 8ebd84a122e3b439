// exec, attach and port-forward of the kubelet's API: finds the container, agrees on a protocol, runs the session.
// Protocols: WebSocket channels (v5, v4); SPDY/3.1 raw; SPDY/3.1 inside a WebSocket for port-forward.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { RunningContainer } from '../container/runtime.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { PodWorker } from '../pod/worker.ts';
import { runAttach } from './attach-session.ts';
import { ByteQueue } from './byte-queue.ts';
import { type ClientStreams, runExec, type StreamStatus } from './exec-session.ts';
import { runPortForward } from './port-forward-session.ts';
import type { SpdyTransport } from './spdy-connection.ts';
import { serveSpdyExec, spdyProtocols } from './spdy-exec.ts';
import { channelProtocols, serveChannels } from './websocket-channels.ts';

/** Largest message of a client, in bytes; kubectl sends 32 KiB. */
const maxMessage = 4 << 20;

const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';
const forwardProtocol = 'portforward.k8s.io';

/** A request that gets no session. */
export class StreamRefusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const isOn = (query: URLSearchParams, ...names: string[]): boolean =>
  names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''));

const words = (header: string | string[] | undefined): string[] =>
  [header ?? []].flat().flatMap((one) => one.split(',').map((word) => word.trim()));

export class StreamServer {
  private readonly pods: Pick<PodManager, 'find'>;
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessage,
    perMessageDeflate: false,
    handleProtocols: (offered) => [tunnelProtocol, ...channelProtocols].find((one) => offered.has(one)) ?? false,
  });

  constructor(pods: Pick<PodManager, 'find'>) {
    this.pods = pods;
  }

  async upgrade(
    parts: readonly string[],
    query: URLSearchParams,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const [verb = '', namespace = '', name = '', containerName = ''] = parts;
    if (!['exec', 'attach', 'portForward'].includes(verb))
      throw new StreamRefusal(404, `the node serves no stream ${verb || '/'}`);
    const worker = this.pods.find(namespace, name);
    if (worker === undefined) throw new StreamRefusal(404, `pod ${namespace}/${name} is not on this node`);
    const open = (): Promise<WebSocket> =>
      new Promise((resolve) => this.sockets.handleUpgrade(request, socket, head, resolve));
    const isSpdy = (request.headers.upgrade ?? '').toLowerCase() === 'spdy/3.1';
    const subprotocols = words(request.headers['sec-websocket-protocol']);
    const versions = words(request.headers['x-stream-protocol-version']);
    const refuse = (): never => {
      throw new StreamRefusal(
        400,
        `${verb}: unable to upgrade: this node speaks SPDY/3.1 and WebSocket with ${[tunnelProtocol, ...channelProtocols].join(', ')}; the client asked for ${request.headers.upgrade ?? 'no upgrade'} ${[...subprotocols, ...versions].join(', ')}`,
      );
    };

    if (verb === 'portForward') {
      const target = { netns: worker.sandbox?.netns, pod: name };
      if (worker.sandbox === undefined) throw new StreamRefusal(400, `pod ${namespace}/${name} has no network yet`);
      if (isSpdy) return runPortForward(target, acceptSpdy(socket, head, forwardProtocol));
      if (!subprotocols.includes(tunnelProtocol)) refuse();
      return runPortForward(target, tunnel(await open()));
    }

    const container = this.findRunning(worker, containerName);
    const tty = isOn(query, 'tty');
    const stdin = isOn(query, 'input', 'stdin');
    const session = (streams: ClientStreams): Promise<StreamStatus> =>
      verb === 'exec' ? runExec(container, query.getAll('command'), tty, streams) : runAttach(container, streams);
    if (isSpdy) {
      const version = spdyProtocols.find((one) => versions.includes(one)) ?? refuse();
      const expected = [
        'error',
        ...(stdin ? ['stdin'] : []),
        ...(isOn(query, 'output', 'stdout') ? ['stdout'] : []),
        ...(isOn(query, 'error', 'stderr') && !tty ? ['stderr'] : []),
        ...(tty ? ['resize'] : []),
      ];
      return serveSpdyExec(acceptSpdy(socket, head, version), expected, session);
    }
    if (!channelProtocols.some((one) => subprotocols.includes(one))) refuse();
    return serveChannels(await open(), { stdin }, session);
  }

  private findRunning(worker: PodWorker, name: string): RunningContainer {
    const slot = worker.slots.find(({ container }) => container.name === name);
    if (slot === undefined) throw new StreamRefusal(404, `container not found ("${name}")`);
    if (slot.running === undefined) throw new StreamRefusal(400, `container ${name} is not running`);
    return slot.running;
  }
}

/** Answers the upgrade and takes the connection over. */
function acceptSpdy(socket: Duplex, head: Buffer, version: string): SpdyTransport {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${version}\r\n\r\n`,
  );
  const input = new ByteQueue((full) => (full ? socket.pause() : socket.resume()));
  input.push(head);
  socket.on('data', (bytes: Buffer) => input.push(bytes));
  for (const event of ['end', 'close', 'error']) socket.on(event, () => input.end());
  const waiting: (() => void)[] = [];
  for (const event of ['drain', 'close']) {
    socket.on(event, () => {
      for (const resolve of waiting.splice(0)) resolve();
    });
  }
  return {
    input,
    write: (bytes) =>
      new Promise((resolve) => {
        if (socket.destroyed || socket.write(bytes)) return resolve();
        waiting.push(resolve);
      }),
    close: () => {
      socket.end();
      input.end();
    },
  };
}

/** SPDY's bytes in the binary messages of a WebSocket. */
function tunnel(socket: WebSocket): SpdyTransport {
  const input = new ByteQueue((full) => (full ? socket.pause() : socket.resume()));
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) input.push(data);
  });
  socket.on('close', () => input.end());
  socket.on('error', () => socket.terminate());
  return {
    input,
    write: (bytes) =>
      new Promise((resolve) => {
        if (socket.readyState !== socket.OPEN) return resolve();
        socket.send(bytes, { binary: true }, () => resolve());
      }),
    close: () => {
      socket.close(1000);
      input.end();
    },
  };
}
