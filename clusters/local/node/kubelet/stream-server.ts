// exec, attach and port-forward of the kubelet's API: finds the container, agrees on a protocol, runs the session.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { RunningContainer } from '../container/runtime.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { PodWorker } from '../pod/worker.ts';
import { runAttach } from './attach-session.ts';
import { type ClientStreams, runExec, type StreamStatus } from './exec-session.ts';
import { channelProtocols, serveChannels } from './websocket-channels.ts';

/** Largest message of a client, in bytes; kubectl sends 32 KiB. */
const maxMessage = 4 << 20;

/** A request that gets no session. */
export class StreamRefusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const isOn = (query: URLSearchParams, name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '');

export class StreamServer {
  private readonly pods: Pick<PodManager, 'find'>;
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessage,
    perMessageDeflate: false,
    handleProtocols: (offered) => channelProtocols.find((one) => offered.has(one)) ?? false,
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
    if (verb !== 'exec' && verb !== 'attach') {
      throw new StreamRefusal(
        verb === 'portForward' ? 501 : 404,
        `the embedded node does not serve ${verb || '/'} as a stream`,
      );
    }
    const worker = this.pods.find(namespace, name);
    if (worker === undefined) throw new StreamRefusal(404, `pod ${namespace}/${name} is not on this node`);
    const container = this.findRunning(worker, containerName);
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
    if (
      (request.headers.upgrade ?? '').toLowerCase() !== 'websocket' ||
      !channelProtocols.some((one) => protocols.includes(one))
    ) {
      throw new StreamRefusal(
        400,
        `${verb}: this node speaks WebSocket with ${channelProtocols.join(' or ')}; the client asked for ${request.headers.upgrade ?? 'nothing'} ${protocols.join(', ')}`,
      );
    }
    const tty = isOn(query, 'tty');
    const session = (streams: ClientStreams): Promise<StreamStatus> =>
      verb === 'exec' ? runExec(container, query.getAll('command'), tty, streams) : runAttach(container, streams);
    const open = await new Promise<WebSocket>((resolve) => this.sockets.handleUpgrade(request, socket, head, resolve));
    await serveChannels(open, { stdin: isOn(query, 'input') || isOn(query, 'stdin') }, session);
  }

  private findRunning(worker: PodWorker, name: string): RunningContainer {
    const slot = worker.slots.find(({ container }) => container.name === name);
    if (slot === undefined) throw new StreamRefusal(404, `container not found ("${name}")`);
    if (slot.running === undefined) throw new StreamRefusal(400, `container ${name} is not running`);
    return slot.running;
  }
}
