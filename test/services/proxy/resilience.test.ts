import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Agent, createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net';
import { ProxyBench } from '../../harness/proxy-bench.ts';
import {
  anyHost,
  endpoint,
  httpFilterChain,
  listener,
  type Resource,
  staticCluster,
  toCluster,
} from '../../harness/static-resources.ts';

let bench: ProxyBench;
beforeEach(() => {
  bench = new ProxyBench();
});
afterEach(() => bench.close());

const LOG = {
  accessLog: [
    {
      name: 'file',
      typedConfig: {
        '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
        path: '/dev/stdout',
        logFormat: { textFormatSource: { inlineString: '%RESPONSE_CODE% %RESPONSE_FLAGS%\n' } },
      },
    },
  ],
};

function logged(): string[] {
  bench.plane.flushLogs();
  return bench.accessLog;
}

async function open(routeConfig: Resource, manager: Resource = {}): Promise<void> {
  await bench.plane.setListener(listener('in', [httpFilterChain({ routeConfig, ...manager }, { name: 'chain' })]));
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not in 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** `count` requests over kept connections, eight at a time, while `meanwhile` runs; their statuses. */
async function load(count: number, meanwhile: () => Promise<void>): Promise<Record<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const statuses: Record<number, number> = {};
  let left = count;
  let busy = true;
  const worker = async (): Promise<void> => {
    while (left > 0 || busy) {
      left--;
      const { status } = await bench.send('in', '/', { agent });
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  const workers = Promise.all(Array.from({ length: 8 }, worker));
  try {
    await meanwhile();
  } finally {
    busy = false;
  }
  await workers;
  agent.destroy();
  return statuses;
}

describe('nothing is lost', () => {
  test('while endpoints come and go and their servers stop', async () => {
    const servers: { server: Server; port: number }[] = [];
    const start = async (): Promise<number> => {
      const server = createServer((_request, response) => response.end('ok'));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      servers.push({ server, port });
      return port;
    };
    const set = (ports: readonly number[]): void =>
      bench.plane.setEndpoints({
        clusterName: 'app',
        endpoints: [{ lbEndpoints: ports.map((port) => endpoint('127.0.0.1', port)) }],
      });
    bench.plane.setCluster({ name: 'app', type: 'EDS', connectTimeout: { seconds: 5 } });
    set([await start(), await start()]);
    await open(
      anyHost([toCluster('app', { retryPolicy: { retryOn: 'connect-failure,refused-stream', numRetries: 2 } })]),
    );
    const statuses = await load(400, async () => {
      for (let round = 0; round < 6; round++) {
        const fresh = await start();
        const old = servers[round];
        set(servers.slice(round + 1).map(({ port }) => port));
        expect(fresh).toBeGreaterThan(0);
        // In-flight requests end, idle connections are closed: what a process does that stops in order.
        await new Promise((resolve) => old?.server.close(resolve));
      }
    });
    for (const { server } of servers) {
      server.closeAllConnections();
      server.close();
    }
    expect(Object.keys(statuses)).toEqual(['200']);
  });

  test('while routes, clusters and listeners are replaced', async () => {
    const [one, two] = [await bench.http((_q, r) => r.end('1')), await bench.http((_q, r) => r.end('2'))];
    bench.plane.setCluster(staticCluster('app-0', [one]));
    await open(anyHost([toCluster('app-0')]));
    const statuses = await load(300, async () => {
      for (let round = 1; round < 20; round++) {
        bench.plane.setCluster(
          staticCluster(`app-${round}`, [round % 2 === 0 ? one : two], { connectTimeout: { seconds: round } }),
        );
        await open(anyHost([toCluster(`app-${round}`)]), { serverName: `round-${round}` });
        await new Promise((resolve) => setImmediate(resolve));
        bench.plane.removeCluster(`app-${round - 1}`);
      }
    });
    expect(Object.keys(statuses)).toEqual(['200']);
    expect((await bench.send('in', '/')).headers.server).toBe('round-19');
  });

  test('while the server closes kept connections, also those in use next', async () => {
    const port = await bench.listen(
      createNetServer((socket) => {
        let served = 0;
        socket.on('error', () => {});
        socket.on('data', () => {
          // The third request of a connection finds it closed.
          if (served++ === 2) socket.destroy();
          else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        });
      }),
    );
    bench.plane.setCluster(staticCluster('app', [port]));
    await open(anyHost([toCluster('app')]));
    expect(Object.keys(await load(200, async () => {}))).toEqual(['200']);
  });

  test('while draining: every answer says that it is the last on its connection', async () => {
    const port = await bench.http((_q, r) => r.end('ok'));
    bench.plane.setCluster(staticCluster('app', [port]));
    await open(anyHost([toCluster('app')]));
    const statuses = await load(200, async () => {
      bench.plane.context.isDraining = true;
    });
    expect(Object.keys(statuses)).toEqual(['200']);
    expect((await bench.send('in', '/', { agent: new Agent({ keepAlive: true }) })).headers.connection).toBe('close');
  });
});

describe('failing upstreams', () => {
  test('are tried again by status, within limits', async () => {
    let calls = 0;
    const port = await bench.http((_q, r) => {
      r.statusCode = ++calls % 3 === 0 ? 200 : 503;
      r.end(`call ${calls}`);
    });
    bench.plane.setCluster(staticCluster('app', [port]));
    const retryPolicy = (numRetries: number): Resource => ({
      retryOn: 'retriable-status-codes',
      retriableStatusCodes: [503],
      numRetries,
      retryBackOff: { baseInterval: { nanos: 1_000_000 } },
    });
    await open(anyHost([toCluster('app', { retryPolicy: retryPolicy(2) })]));
    expect((await bench.send('in', '/', { method: 'POST' }, 'body')).body).toBe('call 3');
    await open(anyHost([toCluster('app', { retryPolicy: retryPolicy(1) })]));
    expect(await bench.send('in', '/')).toMatchObject({ status: 503, body: 'call 5' });
    expect(bench.plane.clusters.get('app')?.activeRequests).toBe(0);
    expect(bench.plane.clusters.get('app')?.activeRetries).toBe(0);
  });

  test('are taken out of balancing, and come back', async () => {
    const bad = await bench.http((_q, r) => {
      r.statusCode = 500;
      r.end();
    });
    const good = await bench.http((_q, r) => r.end('ok'));
    bench.plane.setCluster(
      staticCluster('app', [bad, good], {
        outlierDetection: {
          consecutive5xx: { value: 2 },
          interval: { nanos: 20_000_000 },
          baseEjectionTime: { nanos: 300_000_000 },
          maxEjectionPercent: { value: 100 },
        },
        commonLbConfig: { healthyPanicThreshold: { value: 0 } },
      }),
    );
    await open(anyHost([toCluster('app')]));
    const cluster = bench.plane.clusters.get('app');
    for (let tries = 0; tries < 6; tries++) await bench.send('in', '/');
    expect(cluster?.outlier?.ejections).toBeGreaterThan(0);
    await until('the endpoint is back', () =>
      [...(cluster?.endpoints.values() ?? [])].every(({ available }) => available),
    );
  });

  test('that are too busy are refused with UO', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const port = await bench.http((_q, r) => void held.then(() => r.end('ok')));
    bench.plane.setCluster(
      staticCluster('app', [port], {
        circuitBreakers: { thresholds: [{ maxConnections: { value: 1 }, maxPendingRequests: { value: 1 } }] },
      }),
    );
    await open(anyHost([toCluster('app')]), LOG);
    const cluster = bench.plane.clusters.get('app');
    const first = bench.send('in', '/');
    await until('the first is on its way', () => cluster?.activeRequests === 1);
    const second = bench.send('in', '/');
    await until('the second waits', () => cluster?.waiting.size === 1);
    const third = await bench.send('in', '/');
    expect([third.status, third.headers['x-envoy-overloaded']]).toEqual([503, 'true']);
    release();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect(logged()).toEqual(['503 UO', '200 -', '200 -']);
  });

  test('that take longer than a try may are tried again', async () => {
    let calls = 0;
    const port = await bench.http((_q, r) => {
      if (++calls > 1) r.end('second');
    });
    bench.plane.setCluster(staticCluster('app', [port]));
    await open(
      anyHost([
        toCluster('app', { retryPolicy: { retryOn: '5xx', numRetries: 1, perTryTimeout: { nanos: 100_000_000 } } }),
      ]),
    );
    expect((await bench.send('in', '/')).body).toBe('second');
  });
});

test('a client that goes away frees the upstream and is logged as DC', async () => {
  let gone = false;
  const port = await bench.http((incoming) =>
    incoming.socket.on('close', () => {
      gone = true;
    }),
  );
  bench.plane.setCluster(staticCluster('app', [port]));
  await open(anyHost([toCluster('app')]), LOG);
  const socket = connect(bench.port('in'), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
  await until('the request is on its way', () => bench.plane.clusters.get('app')?.activeRequests === 1);
  socket.destroy();
  await until('the upstream connection ends', () => gone);
  expect(logged()).toEqual(['0 DC']);
  expect(bench.plane.context.active).toBe(0);
});

test('a slow reader does not make the proxy hold the answer', async () => {
  const size = 64 * 1024 * 1024;
  const port = await bench.http((_q, r) => {
    const block = Buffer.alloc(1024 * 1024);
    let left = size / block.length;
    const more = (): void => {
      while (left-- > 0) if (!r.write(block)) return void r.once('drain', more);
      r.end();
    };
    more();
  });
  bench.plane.setCluster(staticCluster('app', [port]));
  await open(anyHost([toCluster('app')]));
  let held = 0;
  const total = await new Promise<number>((resolve, reject) => {
    request({ host: '127.0.0.1', port: bench.port('in'), agent: false }, (response) => {
      let bytes = 0;
      response.pause();
      setTimeout(() => {
        // Whatever is buffered between the two servers is far less than the answer.
        held = process.memoryUsage().arrayBuffers;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
        });
        response.on('end', () => resolve(bytes));
        response.resume();
      }, 200);
    })
      .on('error', reject)
      .end();
  });
  expect(total).toBe(size);
  expect(held).toBeLessThan(size / 2);
});

test('faults delay and abort, mirrors get a copy, cookies stick', async () => {
  const seen: string[] = [];
  const mirror = await bench.http((q, r) => {
    seen.push(`${q.headers.host} ${q.url}`);
    r.end();
  });
  const app = await bench.http((_q, r) => r.end('app'));
  bench.plane.setCluster(staticCluster('app', [app]));
  bench.plane.setCluster(staticCluster('mirror', [mirror]));
  const percentage = { numerator: 100 };
  await open(
    anyHost([
      {
        match: { prefix: '/fault' },
        route: { cluster: 'app' },
        typedPerFilterConfig: {
          'envoy.filters.http.fault': {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
            delay: { fixedDelay: { nanos: 50_000_000 }, percentage },
            abort: { httpStatus: 503, percentage },
          },
        },
      },
      { match: { prefix: '/mirror' }, route: { cluster: 'app', requestMirrorPolicies: [{ cluster: 'mirror' }] } },
      {
        match: { prefix: '/cookie' },
        route: { cluster: 'app', hashPolicy: [{ cookie: { name: 'stick', ttl: { seconds: 60 }, path: '/' } }] },
      },
    ]),
    { ...LOG, httpFilters: [{ name: 'envoy.filters.http.fault' }, { name: 'envoy.filters.http.router' }] },
  );
  expect(await bench.send('in', '/fault')).toMatchObject({ status: 503, body: 'fault filter abort' });
  expect(logged()).toEqual(['503 DI,FI']);
  expect((await bench.send('in', '/mirror', { headers: { host: 'h:80' } })).body).toBe('app');
  await until('the copy', () => seen.length === 1);
  expect(seen).toEqual(['h-shadow:80 /mirror']);
  expect((await bench.send('in', '/cookie')).headers['set-cookie']?.[0]).toMatch(
    /^stick="[0-9a-f-]+"; Max-Age=60; Path=\/; HttpOnly$/,
  );
  expect(
    (await bench.send('in', '/cookie', { headers: { cookie: 'a=b; stick=x' } })).headers['set-cookie'],
  ).toBeUndefined();
});
