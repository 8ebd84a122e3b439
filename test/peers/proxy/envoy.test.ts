// The same resources over ADS to our proxy and to stock Envoy; the same requests to both; the same answers from both.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { credentials } from '@grpc/grpc-js';
import { connect } from 'node:net';
import { packAny } from '#wire/xds.ts';
import { AdsClient } from '../../../services/proxy/xds/ads-client.ts';
import { ProxySink } from '../../../services/proxy/xds/proxy-sink.ts';
import { type Envoy, startEnvoy } from '../../harness/envoy.ts';
import { ProxyBench } from '../../harness/proxy-bench.ts';
import { type StaticConfig, StaticDiscovery } from '../../harness/static-discovery.ts';

let bench: ProxyBench;
let discovery: StaticDiscovery;
let envoy: Envoy;
const stop = new AbortController();
const ports = { ours: 0, envoy: 0 };

beforeAll(async () => {
  bench = new ProxyBench();
  const echo = await bench.http((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const status = /status=(\d+)/.exec(request.url ?? '')?.[1];
      const body = JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.rawHeaders,
        body: Buffer.concat(parts).toString('latin1'),
        trailers: request.rawTrailers,
      });
      response.writeHead(Number(status ?? 200), { 'content-type': 'application/json', 'x-app': 'echo', 'x-gone': '1' });
      if (request.url?.includes('parts')) {
        response.write(body);
        response.end();
      } else response.end(body);
    });
  });
  discovery = new StaticDiscovery(config(echo));
  await discovery.start();
  const sink = new ProxySink(bench.plane);
  new AdsClient({
    open: () => ({ target: `127.0.0.1:${discovery.port}`, credentials: credentials.createInsecure(), options: {} }),
    node: { id: 'sidecar~127.0.0.1~ours.default~default.svc.cluster.local' },
    sink,
    log: (line) => bench.log.push(line),
  }).start(stop.signal);
  envoy = await startEnvoy({ adsPort: discovery.port });
  ports.envoy = await envoy.waitForListener('in');
  const deadline = Date.now() + 20_000;
  while (!sink.isReady) {
    if (Date.now() > deadline) throw new Error(`our proxy is not ready: ${bench.log.join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  ports.ours = bench.port('in');
}, 360_000);

afterAll(async () => {
  stop.abort();
  await envoy?.stop();
  discovery?.stop();
  await bench?.close();
});

function config(echo: number): StaticConfig {
  const ads = { ads: {}, resourceApiVersion: 'V3' };
  const cluster = (name: string): object => ({
    name,
    type: 'EDS',
    connectTimeout: { seconds: 2 },
    edsClusterConfig: { edsConfig: ads },
  });
  const endpoints = (name: string, list: readonly number[]): object => ({
    clusterName: name,
    endpoints: [
      {
        lbEndpoints: list.map((portValue) => ({
          endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue } } },
        })),
      },
    ],
  });
  const manager = packAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    statPrefix: 'in',
    rds: { routeConfigName: 'routes', configSource: ads },
    httpFilters: [
      { name: 'envoy.filters.http.cors', typedConfig: packAny('envoy.extensions.filters.http.cors.v3.Cors', {}) },
      {
        name: 'envoy.filters.http.fault',
        typedConfig: packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', {}),
      },
      { name: 'envoy.filters.http.router', typedConfig: packAny('envoy.extensions.filters.http.router.v3.Router', {}) },
    ],
    serverName: 'istio-envoy',
    normalizePath: { value: true },
    mergeSlashes: true,
    upgradeConfigs: [{ upgradeType: 'websocket' }],
  } as never);
  const percent = { numerator: 100, denominator: 'HUNDRED' };
  return {
    clusters: [cluster('echo'), cluster('empty'), cluster('refused')],
    // Port 1 of the loopback interface: nobody listens there.
    endpoints: [endpoints('echo', [echo]), endpoints('empty', []), endpoints('refused', [1])],
    listeners: [
      {
        name: 'in',
        address: { socketAddress: { address: '127.0.0.1', portValue: 0 } },
        filterChains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typedConfig: manager }] }],
      },
    ],
    routes: [
      {
        name: 'routes',
        ignorePortInHostMatching: true,
        requestHeadersToAdd: [{ header: { key: 'x-rc', value: 'rc' } }],
        virtualHosts: [
          {
            name: 'reviews',
            domains: ['reviews', '*.reviews.test'],
            includeRequestAttemptCount: true,
            responseHeadersToAdd: [
              { header: { key: 'x-vh', value: 'vh' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
            ],
            routes: [
              {
                match: { prefix: '/', headers: [{ name: 'end-user', stringMatch: { exact: 'jason' } }] },
                directResponse: { status: 200, body: { inlineString: 'jason' } },
              },
              { match: { path: '/exact' }, directResponse: { status: 201, body: { inlineString: 'exact' } } },
              {
                match: { safeRegex: { regex: '/re/[0-9]+' } },
                directResponse: { status: 202, body: { inlineString: 're' } },
              },
              {
                match: { prefix: '/query', queryParameters: [{ name: 'a', stringMatch: { exact: 'b' } }] },
                directResponse: { status: 203, body: { inlineString: 'query' } },
              },
              { match: { pathSeparatedPrefix: '/sep' }, route: { cluster: 'echo', prefixRewrite: '/other' } },
              {
                match: { prefix: '/api/' },
                route: { cluster: 'echo', prefixRewrite: '/', hostRewriteLiteral: 'inner.host' },
                requestHeadersToAdd: [{ header: { key: 'x-route', value: 'a%%b' } }],
                requestHeadersToRemove: ['x-secret'],
                responseHeadersToRemove: ['x-gone'],
              },
              {
                match: { prefix: '/regex/' },
                route: {
                  cluster: 'echo',
                  regexRewrite: { pattern: { regex: '^/regex/([a-z]+)/(.*)$' }, substitution: '/\\2/\\1' },
                },
              },
              { match: { prefix: '/https' }, redirect: { httpsRedirect: true } },
              {
                match: { prefix: '/moved' },
                redirect: { hostRedirect: 'new.host', pathRedirect: '/there', responseCode: 'PERMANENT_REDIRECT' },
              },
              { match: { prefix: '/prefix-moved' }, redirect: { prefixRewrite: '/p', responseCode: 'FOUND' } },
              {
                match: { prefix: '/abort' },
                route: { cluster: 'echo' },
                typedPerFilterConfig: {
                  'envoy.filters.http.fault': packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', {
                    abort: { httpStatus: 418, percentage: percent },
                  } as never),
                },
              },
              {
                match: { prefix: '/cors' },
                route: { cluster: 'echo' },
                typedPerFilterConfig: {
                  'envoy.filters.http.cors': packAny('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
                    allowOriginStringMatch: [{ exact: 'http://ok' }],
                    allowMethods: 'GET,POST',
                    allowHeaders: 'x-a',
                    maxAge: '60',
                    exposeHeaders: 'x-e',
                    allowCredentials: { value: true },
                  } as never),
                },
              },
              { match: { prefix: '/empty' }, route: { cluster: 'empty' } },
              {
                match: { prefix: '/refused' },
                route: { cluster: 'refused', retryPolicy: { retryOn: 'connect-failure', numRetries: { value: 1 } } },
              },
              { match: { prefix: '/unknown' }, route: { cluster: 'not-there' } },
              { match: { prefix: '/timeout' }, route: { cluster: 'echo', timeout: { seconds: 7 } } },
              { match: { prefix: '/' }, route: { cluster: 'echo', timeout: {} } },
            ],
          },
        ],
      },
    ],
  } as unknown as StaticConfig;
}

interface Answer {
  readonly status: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const UNSTEADY = new Set(['date', 'x-envoy-upstream-service-time', 'keep-alive']);

function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    const timer = setTimeout(() => socket.destroy(new Error(`no answer in 20 s to ${JSON.stringify(text)}`)), 20_000);
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

function parse(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [start = '', ...lines] = text.slice(0, Math.max(0, end)).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    if (!UNSTEADY.has(name)) headers[name] = line.slice(line.indexOf(':') + 1).trim();
  }
  let body = text.slice(end + 4);
  if (headers['transfer-encoding'] === 'chunked') body = unchunk(body);
  return { status: start.split(' ').slice(0, 2).join(' '), headers, body: readBody(body) };
}

function unchunk(text: string): string {
  let out = '';
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (!(size > 0)) return out;
    out += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

/** What the application saw, without what differs between any two requests. */
function readBody(body: string): unknown {
  if (!body.startsWith('{')) return body.replace(/(transport failure reason: ).*$/s, '$1...');
  const seen = JSON.parse(body) as { headers: string[] };
  const headers: string[] = [];
  for (let index = 0; index < seen.headers.length; index += 2) {
    const name = (seen.headers[index] ?? '').toLowerCase();
    const value = name === 'x-request-id' ? '(id)' : seen.headers[index + 1];
    headers.push(`${name}: ${value}`);
  }
  return { ...seen, headers: headers.sort() };
}

const get = (path: string, headers = '', method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: reviews\r\n${headers}Connection: close\r\n\r\n`;

const CASES: Readonly<Record<string, string>> = {
  'a plain request': get('/'),
  'a query': get('/x?a=b&c=d'),
  'a header match': get('/', 'End-User: jason\r\n'),
  'a header that almost matches': get('/', 'end-user: jason2\r\n'),
  'an exact path': get('/exact'),
  'an exact path with a query': get('/exact?x'),
  'an exact path that goes on': get('/exact/more'),
  'a regular expression': get('/re/42'),
  'a regular expression that must match to the end': get('/re/42x'),
  'a query match': get('/query?a=b'),
  'a query that differs': get('/query?a=c'),
  'a separated prefix': get('/sep/x?y'),
  'a separated prefix alone': get('/sep'),
  'no separated prefix': get('/separate'),
  'rewritten prefix and host, headers added and removed': get('/api/v1?q', 'x-secret: s\r\nx-kept: k\r\n'),
  'rewritten by regular expression': get('/regex/abc/d/e?f'),
  'redirect to https': get('/https/x?y'),
  'redirect to another host and path': get('/moved/x?y'),
  'redirect of a prefix': get('/prefix-moved/x?y'),
  'an aborted request': get('/abort'),
  'a preflight': get('/cors', 'Origin: http://ok\r\nAccess-Control-Request-Method: GET\r\n', 'OPTIONS'),
  'a preflight of somebody else': get(
    '/cors',
    'Origin: http://no\r\nAccess-Control-Request-Method: GET\r\n',
    'OPTIONS',
  ),
  'a cross-origin request': get('/cors', 'Origin: http://ok\r\n'),
  'no endpoints': get('/empty'),
  'an unknown cluster': get('/unknown'),
  'a timeout header': get('/timeout'),
  'an unknown host': 'GET / HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\n\r\n',
  'a host with a port': 'GET /exact HTTP/1.1\r\nHost: reviews:9080\r\nConnection: close\r\n\r\n',
  'a wildcard host': 'GET /exact HTTP/1.1\r\nHost: a.reviews.test\r\nConnection: close\r\n\r\n',
  'an absolute target': 'GET http://reviews/abs?x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n',
  HEAD: get('/', '', 'HEAD'),
  'POST with a length': `POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`,
  'POST in chunks': `POST / HTTP/1.1\r\nHost: reviews\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
  'an answer in chunks': get('/parts'),
  'status 204': get('/?status=204'),
  'status 304': get('/?status=304'),
  'status 500': get('/?status=500'),
  'dot segments': get('/a/../b/./c'),
  'doubled slashes': get('/a//b'),
  'escaped unreserved characters': get('/%61%2Fb'),
  'hop-by-hop headers': get('/', 'Keep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Connection: close\r\n'),
  'forwarded headers': get('/', 'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n'),
  'repeated headers': get('/', 'x-a: 1\r\nx-a: 2\r\n'),
  'a missing host': 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
  'length and chunks':
    'POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'two different lengths': 'POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
  'a length that is no number': 'POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: +5\r\n\r\nhello',
  'white space before a colon': 'GET / HTTP/1.1\r\nHost: reviews\r\nx-a : b\r\n\r\n',
  'a NUL': 'GET / HTTP/1.1\r\nHost: reviews\r\nx-a: b\0c\r\n\r\n',
  'no version': 'GET /\r\n\r\n',
  garbage: '\x01\x02\x03\r\n\r\n',
  'HTTP/1.0': 'GET / HTTP/1.0\r\nHost: reviews\r\n\r\n',
  'an upgrade that is not allowed': get('/', 'Upgrade: foo\r\n').replace(
    'Connection: close',
    'Connection: close, upgrade',
  ),
};

/** Where we knowingly differ, with the reason. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  HEAD: 'Envoy says Transfer-Encoding: chunked where the upstream said nothing of a length; we pass on what was said',
  'no version': 'HTTP/0.9 is malformed to us (400), an old version to Envoy (426)',
};

test.each(Object.keys(CASES).filter((name) => !(name in DIFFERENCES)))('%s', async (name) => {
  const text = CASES[name] ?? '';
  const [ours, theirs] = await Promise.all([exchange(ports.ours, text), exchange(ports.envoy, text)]);
  expect(parse(ours)).toEqual(parse(theirs));
});
