import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { connect, createServer, type ClientHttp2Session, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ProxyBench } from '../../harness/proxy-bench.ts';
import {
  anyHost,
  httpFilterChain,
  listener,
  type Resource,
  staticCluster,
  toCluster,
} from '../../harness/static-resources.ts';

let bench: ProxyBench;
let upstream: Http2Server;
let port: number;
const clients: ClientHttp2Session[] = [];

beforeEach(async () => {
  bench = new ProxyBench();
  upstream = createServer();
  upstream.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const grpc = headers['content-type'] === 'application/grpc';
      stream.respond(
        {
          ':status': 200,
          'content-type': headers['content-type'] ?? 'text/plain',
          'x-authority': headers[':authority'],
        },
        { waitForTrailers: grpc },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '5' }));
      stream.end(`h2 ${headers[':method']} ${headers[':path']} ${Buffer.concat(parts)}`);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  port = (upstream.address() as AddressInfo).port;
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await bench.close();
  await new Promise((resolve) => upstream.close(resolve));
});

const HTTP2 = {
  typedExtensionProtocolOptions: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicitHttpConfig: { http2ProtocolOptions: {} },
    },
  },
};

async function open(cluster: Resource, manager: Resource = {}): Promise<void> {
  bench.plane.setCluster(cluster);
  await bench.plane.setListener(
    listener('in', [httpFilterChain({ routeConfig: anyHost([toCluster('app')]), ...manager })]),
  );
}

function call(
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<{ status: unknown; body: string; headers: Record<string, unknown>; trailers: Record<string, unknown> }> {
  const client = connect(`http://127.0.0.1:${bench.port('in')}`);
  clients.push(client);
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    const stream = client.request(
      { ':path': path, ':method': body === undefined ? 'GET' : 'POST', ':authority': 'app.test', ...headers },
      { endStream: body === undefined },
    );
    let answer: Record<string, unknown> = {};
    let trailers: Record<string, unknown> = {};
    let text = '';
    stream.on('response', (fields) => {
      answer = fields;
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream.on('data', (part: Buffer) => {
      text += part;
    });
    stream.on('error', reject);
    stream.on('end', () => resolve({ status: answer[':status'], body: text, headers: answer, trailers }));
    if (body !== undefined) stream.end(body);
  });
}

test('HTTP/2 to HTTP/2, with trailers and the status of gRPC in the metrics', async () => {
  await open(staticCluster('app', [port], HTTP2), {
    httpFilters: [{ name: 'istio.stats' }, { name: 'envoy.filters.http.router' }],
  });
  expect(await call('/a?b', {}, 'body')).toMatchObject({
    status: 200,
    body: 'h2 POST /a?b body',
    headers: { 'x-authority': 'app.test' },
  });
  expect(await call('/s.S/M', { 'content-type': 'application/grpc' }, 'x')).toMatchObject({
    status: 200,
    trailers: { 'grpc-status': '5' },
  });
  expect(bench.plane.registry.expose()).toMatch(
    /istio_requests_total\{.*request_protocol="grpc".*grpc_response_status="5"\} 1/,
  );
});

test('HTTP/1.1 to HTTP/2 and back, bodies in chunks and of a length', async () => {
  await open(staticCluster('app', [port], HTTP2));
  expect(
    (await bench.send('in', '/x', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, 'chunks')).body,
  ).toBe('h2 POST /x chunks');
  expect((await bench.send('in', '/x', { method: 'POST' }, 'length')).body).toBe('h2 POST /x length');
  expect((await bench.send('in', '/x')).body).toBe('h2 GET /x ');
});

test('HTTP/2 to HTTP/1.1', async () => {
  const one = await bench.http((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part;
    });
    request.on('end', () => {
      response.write(`h1 ${request.method} ${request.url} `);
      response.end(body);
    });
  });
  await open(staticCluster('app', [one]));
  expect(await call('/x', {}, 'body')).toMatchObject({ status: 200, body: 'h1 POST /x body' });
  expect(await call('/y')).toMatchObject({ status: 200, body: 'h1 GET /y ' });
});

test('an upstream that is not there answers 503', async () => {
  await open(staticCluster('app', [1], HTTP2));
  expect(await call('/')).toMatchObject({ status: 503 });
  expect(await call('/', { 'content-type': 'application/grpc' }, 'x')).toMatchObject({
    status: 200,
    headers: { 'grpc-status': '14' },
  });
});
