import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer as createNetServer } from 'node:net';
import { ProxyBench } from '../../harness/proxy-bench.ts';
import {
  anyHost,
  httpFilterChain,
  listener,
  routes,
  staticCluster,
  tcpFilterChain,
  toCluster,
} from '../../harness/static-resources.ts';

let bench: ProxyBench;
beforeEach(() => {
  bench = new ProxyBench();
});
afterEach(() => bench.close());

async function echo(): Promise<number> {
  return bench.http((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: Buffer.concat(parts).toString(),
      });
      response.setHeader('content-type', 'application/json');
      response.end(body);
    });
  });
}

async function open(routeConfig: Record<string, unknown>, manager: Record<string, unknown> = {}): Promise<void> {
  await bench.plane.setListener(
    listener('in', [httpFilterChain({ routeConfig, serverName: 'istio-envoy', ...manager })]),
  );
}

describe('an HTTP request', () => {
  test('reaches its cluster and comes back with the headers of a mesh', async () => {
    bench.plane.setCluster(staticCluster('app', [await echo()]));
    await open(anyHost([toCluster('app')]));
    const answer = await bench.send('in', '/path?q=1', { headers: { host: 'app.test', 'x-a': 'b' } });
    expect(answer.status).toBe(200);
    const seen = JSON.parse(answer.body);
    expect(seen).toMatchObject({
      method: 'GET',
      url: '/path?q=1',
      headers: { host: 'app.test', 'x-a': 'b', 'x-forwarded-proto': 'http' },
    });
    expect(seen.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers['server']).toBe('istio-envoy');
    expect(answer.headers['x-envoy-upstream-service-time']).toMatch(/^\d+$/);
  });

  test('carries bodies of known and unknown length, also large ones', async () => {
    bench.plane.setCluster(staticCluster('app', [await echo()]));
    await open(anyHost([toCluster('app')]));
    const small = await bench.send('in', '/', { method: 'POST' }, 'hello');
    expect(JSON.parse(small.body).body).toBe('hello');
    const large = 'x'.repeat(3_000_000);
    const chunked = await bench.send('in', '/', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, large);
    expect(JSON.parse(chunked.body).body).toBe(large);
  });

  test('answers 404 without a route, 503 without an endpoint, and says so in the log', async () => {
    bench.plane.setCluster(staticCluster('none', []));
    await open(routes([{ name: 'a', domains: ['a'], routes: [toCluster('none')] }]), {
      accessLog: [
        {
          name: 'file',
          typedConfig: {
            '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
            path: '/dev/stdout',
            logFormat: {
              textFormatSource: {
                inlineString: '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% "%REQ(:AUTHORITY)%"\n',
              },
            },
          },
        },
      ],
    });
    expect((await bench.send('in', '/', { headers: { host: 'b' } })).status).toBe(404);
    const none = await bench.send('in', '/', { headers: { host: 'a' } });
    expect([none.status, none.body]).toEqual([503, 'no healthy upstream']);
    bench.plane.flushLogs();
    expect(bench.accessLog).toEqual(['404 NR route_not_found "b"', '503 UH no_healthy_upstream "a"']);
  });

  test('splits by weight, matches headers, rewrites, redirects and answers directly', async () => {
    const port = await echo();
    bench.plane.setCluster(staticCluster('app', [port]));
    await open(
      anyHost([
        {
          match: { prefix: '/old', headers: [{ name: 'x-go', stringMatch: { exact: 'new' } }] },
          redirect: { pathRedirect: '/new', responseCode: 'FOUND' },
        },
        { match: { prefix: '/direct' }, directResponse: { status: 418, body: { inlineString: 'teapot' } } },
        {
          match: { prefix: '/api/' },
          route: { cluster: 'app', prefixRewrite: '/v1/', hostRewriteLiteral: 'inner' },
          requestHeadersToAdd: [{ header: { key: 'x-add', value: '1' } }],
          responseHeadersToRemove: ['content-type'],
        },
      ]),
    );
    const redirect = await bench.send('in', '/old', { headers: { host: 'h', 'x-go': 'new' } });
    expect([redirect.status, redirect.headers.location]).toEqual([302, 'http://h/new']);
    expect((await bench.send('in', '/direct')).body).toBe('teapot');
    const api = await bench.send('in', '/api/x?y');
    expect(JSON.parse(api.body)).toMatchObject({
      url: '/v1/x?y',
      headers: { host: 'inner', 'x-add': '1', 'x-envoy-original-path': '/api/x?y' },
    });
    expect(api.headers['content-type']).toBeUndefined();
  });

  test('is tried again on another endpoint when a connection is refused', async () => {
    const gone = await bench.listen(createNetServer());
    const port = await echo();
    const closed = createNetServer();
    const refused = await new Promise<number>((resolve) =>
      closed.listen(0, '127.0.0.1', () => resolve((closed.address() as { port: number }).port)),
    );
    await new Promise((resolve) => closed.close(resolve));
    void gone;
    bench.plane.setCluster(staticCluster('app', [refused, port]));
    await open(
      anyHost([
        toCluster('app', {
          retryPolicy: {
            retryOn: 'connect-failure',
            numRetries: 2,
            retryHostPredicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }],
          },
        }),
      ]),
    );
    for (let round = 0; round < 4; round++) expect((await bench.send('in', '/')).status).toBe(200);
  });

  test('gets 504 when the upstream takes too long, and 503 UC when it hangs up', async () => {
    const silent = await bench.http((request, response) => {
      if (request.url === '/hang') request.socket.destroy();
      else response.on('error', () => {});
    });
    bench.plane.setCluster(staticCluster('app', [silent]));
    await open(anyHost([toCluster('app', { timeout: { nanos: 50_000_000 } })]));
    const late = await bench.send('in', '/');
    expect([late.status, late.body]).toEqual([504, 'upstream request timeout']);
    expect((await bench.send('in', '/hang', { method: 'POST' })).status).toBe(503);
  });
});

test('pipelined requests are answered in order, and bad ones refused', async () => {
  bench.plane.setCluster(staticCluster('app', [await echo()]));
  await open(anyHost([toCluster('app')]));
  const text = await bench.raw(
    'in',
    'GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  );
  expect(text.indexOf('"/1"')).toBeGreaterThan(0);
  expect(text.indexOf('"/2"')).toBeGreaterThan(text.indexOf('"/1"'));
  expect(
    await bench.raw('in', 'GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n'),
  ).toMatch(/^HTTP\/1\.1 400 /);
  expect(await bench.raw('in', 'GET / HTTP/1.1\nhost: a\n\n')).toMatch(/^HTTP\/1\.1 400 /);
});

test('a websocket goes through', async () => {
  const port = await bench.listen(
    createNetServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
        socket.on('data', (data: Buffer) => socket.end(`echo ${data}`));
      });
      socket.on('error', () => {});
    }),
  );
  bench.plane.setCluster(staticCluster('app', [port]));
  await open(anyHost([toCluster('app')]));
  const text = await bench.raw(
    'in',
    'GET /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
    'ping',
  );
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  expect(text).toMatch(/echo ping$/);
});

test('TCP passes both ways and counts', async () => {
  const port = await bench.listen(
    createNetServer(
      { allowHalfOpen: true },
      (socket) => void socket.on('data', (data: Buffer) => socket.end(`got ${data}`)).on('error', () => {}),
    ),
  );
  bench.plane.setCluster(staticCluster('app', [port]));
  await bench.plane.setListener(listener('in', [tcpFilterChain({ cluster: 'app' })]));
  expect(await bench.raw('in', 'hello')).toBe('got hello');
});

test('routes that are pushed reach open connections', async () => {
  const [one, two] = [
    await bench.http((_, response) => response.end('one')),
    await bench.http((_, response) => response.end('two')),
  ];
  bench.plane.setCluster(staticCluster('one', [one]));
  bench.plane.setCluster(staticCluster('two', [two]));
  bench.plane.setRoutes({ ...anyHost([toCluster('one')]), name: '80' });
  await bench.plane.setListener(listener('in', [httpFilterChain({ rds: { routeConfigName: '80' } })]));
  expect((await bench.send('in', '/')).body).toBe('one');
  bench.plane.setRoutes({ ...anyHost([toCluster('two')]), name: '80' });
  expect((await bench.send('in', '/')).body).toBe('two');
});
