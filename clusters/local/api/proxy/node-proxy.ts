// Forwards logs, exec, attach, port-forward and proxy requests to the node or pod that answers them, byte by byte.
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { type ApiObject, at, num, recs, str } from '../object.ts';
import type { ApiRequest, RequestInfo } from '../rest/request.ts';
import { ApiError, badRequest, notFound } from '../status.ts';
import type { Store } from '../storage/store.ts';

export interface NodeCredentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly path: string;
}

export const isStream = (info: RequestInfo): boolean =>
  info.isResource &&
  ((info.resource === 'pods' && ['log', 'exec', 'attach', 'portforward', 'proxy'].includes(info.subresource)) ||
    ((info.resource === 'services' || info.resource === 'nodes') && info.subresource === 'proxy'));

/** Hop-by-hop and credential headers stay here. */
const dropped = new Set([
  'authorization',
  'host',
  'proxy-authorization',
  'impersonate-user',
  'impersonate-group',
  'impersonate-uid',
]);

export class NodeProxy {
  readonly #store: Store;
  readonly #credentials: NodeCredentials;

  constructor(store: Store, credentials: NodeCredentials) {
    this.#store = store;
    this.#credentials = credentials;
  }

  #pod(namespace: string, name: string): ApiObject {
    const pod = this.#store.get('/pods', namespace, name);
    if (pod === undefined) throw notFound({ group: '', resource: 'pods' }, name);
    return pod;
  }

  #node(name: string): { host: string; port: number } {
    const node = this.#store.get('/nodes', '', name);
    if (node === undefined) throw notFound({ group: '', resource: 'nodes' }, name);
    const addresses = recs(at(node, 'status', 'addresses'));
    const address = addresses.find((item) => item['type'] === 'InternalIP') ?? addresses[0];
    const port = num(at(node, 'status', 'daemonEndpoints', 'kubeletEndpoint', 'Port'));
    if (address === undefined || port === 0)
      throw new ApiError(503, 'ServiceUnavailable', `node ${name} has not published an address and port for streams`);
    return { host: str(address['address']), port };
  }

  #container(pod: ApiObject, wanted: string | null): string {
    const names = (field: string): string[] => recs(at(pod, 'spec', field)).map((item) => str(item['name']));
    const regular = names('containers');
    const all = [...regular, ...names('initContainers'), ...names('ephemeralContainers')];
    if (wanted !== null && wanted !== '') {
      if (!all.includes(wanted)) throw badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name}`);
      return wanted;
    }
    if (regular.length === 1) return regular[0]!;
    const fallback = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
    if (fallback !== undefined && regular.includes(fallback)) return fallback;
    const initial = names('initContainers');
    throw badRequest(
      `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${regular.join(' ')}]${initial.length === 0 ? '' : ` or one of the init containers: [${initial.join(' ')}]`}`,
    );
  }

  #target(request: ApiRequest): Target {
    const { info, query } = request;
    if (info.resource === 'nodes')
      return { ...this.#node(info.name), isTls: true, path: `/${info.rest}${searchOf(query)}` };
    if (info.subresource === 'proxy') return this.#proxyTarget(info, query);
    const pod = this.#pod(info.namespace, info.name);
    const nodeName = str(at(pod, 'spec', 'nodeName'));
    if (nodeName === '') throw badRequest(`pod ${info.name} does not have a host assigned`);
    const place = `${encodeURIComponent(info.namespace)}/${encodeURIComponent(info.name)}`;
    const node = { ...this.#node(nodeName), isTls: true };
    if (info.subresource === 'portforward') return { ...node, path: `/portForward/${place}${searchOf(query)}` };
    const container = encodeURIComponent(this.#container(pod, query.get('container')));
    const passed = new URLSearchParams(query);
    passed.delete('container');
    if (info.subresource === 'log') {
      const tail = query.get('tailLines');
      if (tail !== null && !/^\d+$/.test(tail)) throw badRequest(`tailLines: ${JSON.stringify(tail)} is not a number`);
      return { ...node, path: `/containerLogs/${place}/${container}${searchOf(passed)}` };
    }
    for (const [from, to] of [
      ['stdin', 'input'],
      ['stdout', 'output'],
      ['stderr', 'error'],
    ] as const)
      if (['true', '1'].includes(query.get(from) ?? '')) passed.set(to, '1');
    for (const name of ['stdin', 'stdout', 'stderr']) passed.delete(name);
    if (['true', '1'].includes(query.get('tty') ?? '')) passed.set('tty', '1');
    else passed.delete('tty');
    return { ...node, path: `/${info.subresource}/${place}/${container}${searchOf(passed)}` };
  }

  /** `[https:]name[:port]` of a pod or service. */
  #proxyTarget(info: RequestInfo, query: URLSearchParams): Target {
    const parts = info.name.split(':');
    const scheme = parts.length === 3 ? parts.shift()! : '';
    const [name = '', port = ''] = parts;
    const path = `/${info.rest}${searchOf(query)}`;
    const isTls = scheme === 'https';
    if (info.resource === 'pods') {
      const pod = this.#pod(info.namespace, name);
      const host = str(at(pod, 'status', 'podIP'));
      if (host === '') throw badRequest(`address not allowed: pod ${name} has no address yet`);
      const ports = recs(at(pod, 'spec', 'containers')).flatMap((container) => recs(container['ports']));
      const named = ports.find((item) => item['name'] === port);
      return {
        host,
        port: num(named?.['containerPort']) || Number(port) || num(ports[0]?.['containerPort']) || 80,
        isTls,
        path,
      };
    }
    const service = this.#store.get('/services', info.namespace, name);
    if (service === undefined) throw notFound({ group: '', resource: 'services' }, name);
    const ports = recs(at(service, 'spec', 'ports'));
    const chosen = ports.find((item) => port === '' || item['name'] === port || String(item['port']) === port);
    if (chosen === undefined)
      throw new ApiError(
        503,
        'ServiceUnavailable',
        `no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`,
      );
    for (const slice of this.#store.list('discovery.k8s.io/endpointslices', info.namespace)) {
      if (slice.metadata.labels?.['kubernetes.io/service-name'] !== name) continue;
      const own = recs(slice['ports']).find((item) => str(item['name']) === str(chosen['name']));
      for (const endpoint of recs(slice['endpoints']))
        if (at(endpoint, 'conditions', 'ready') !== false && own !== undefined)
          return { host: str((endpoint['addresses'] as unknown[])[0]), port: num(own['port']), isTls, path };
    }
    throw new ApiError(503, 'ServiceUnavailable', `no endpoints available for service ${JSON.stringify(name)}`);
  }

  /** An ordinary request: the answer's head and body are passed on as they come. */
  async serve(request: ApiRequest): Promise<void> {
    const target = this.#target(request);
    const { incoming, outgoing } = request;
    const send = target.isTls ? httpsRequest : httpRequest;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const upstream = send(
      {
        host: target.host,
        port: target.port,
        path: target.path,
        method: incoming.method,
        headers: forwardedHeaders(incoming, target),
        agent: false,
        ...(target.isTls ? this.#tls(request.info) : {}),
      },
      (answer) => {
        const { connection: _c, 'keep-alive': _k, ...headers } = answer.headers;
        outgoing.writeHead(answer.statusCode ?? 502, headers);
        outgoing.flushHeaders();
        answer.pipe(outgoing);
        answer.on('error', () => outgoing.destroy());
        answer.on('close', resolve);
      },
    );
    outgoing.on('close', () => upstream.destroy());
    upstream.on('error', (error) => {
      if (outgoing.headersSent) {
        outgoing.destroy();
        resolve();
      } else
        reject(
          new ApiError(
            502,
            'ServiceUnavailable',
            `error dialing backend ${target.host}:${target.port}: ${error.message}`,
          ),
        );
    });
    incoming.pipe(upstream);
    await promise;
  }

  #tls(info: RequestInfo): {
    cert?: string;
    key?: string;
    ca?: string;
    rejectUnauthorized: boolean;
    checkServerIdentity?: () => undefined;
  } {
    // Proxied pods and services have certificates of their own; upstream does not verify them either.
    if (info.resource !== 'nodes' && info.subresource === 'proxy') return { rejectUnauthorized: false };
    return { ...this.#credentials, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  }

  /** An upgrade (WebSocket, SPDY): the head is written anew, then bytes flow both ways untouched. */
  upgrade(request: ApiRequest, socket: Duplex, head: Buffer): void {
    const target = this.#target(request);
    const { incoming } = request;
    if (!target.isTls) throw badRequest('upgrades through pods|services/proxy are supported over https only');
    const upstream = tlsConnect({ host: target.host, port: target.port, ...this.#tls(request.info) });
    const fail = (): void => {
      socket.destroy();
      upstream.destroy();
    };
    upstream.once('secureConnect', () => {
      const lines = [`${incoming.method} ${target.path} HTTP/1.1`, `Host: ${target.host}:${target.port}`];
      for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2) {
        const name = incoming.rawHeaders[index]!;
        if (!dropped.has(name.toLowerCase())) lines.push(`${name}: ${incoming.rawHeaders[index + 1]}`);
      }
      upstream.write(`${lines.join('\r\n')}\r\n\r\n`);
      if (head.length > 0) upstream.write(head);
      socket.pipe(upstream);
      upstream.pipe(socket);
    });
    upstream.once('error', (error) => {
      if (socket.writable && upstream.bytesRead === 0) {
        const body = JSON.stringify(
          new ApiError(
            502,
            'ServiceUnavailable',
            `error dialing backend ${target.host}:${target.port}: ${error.message}`,
          ).toStatus(),
        );
        socket.end(
          `HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
        );
        upstream.destroy();
      } else fail();
    });
    socket.once('error', fail);
    socket.once('close', () => upstream.destroy());
    upstream.once('close', () => socket.end());
  }
}

const searchOf = (query: URLSearchParams): string => (query.size === 0 ? '' : `?${query.toString()}`);

function forwardedHeaders(incoming: IncomingMessage, target: Target): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { host: `${target.host}:${target.port}` };
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined && !dropped.has(name) && name !== 'connection' && name !== 'upgrade') headers[name] = value;
  return headers;
}
