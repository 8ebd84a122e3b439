// Access control in the running proxy: requests and connections that the rules do not let through are refused.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ProxyBench } from '../../harness/proxy-bench.ts';
import {
  anyHost,
  httpFilterChain,
  listener,
  type Resource,
  staticCluster,
  tcpFilterChain,
  toCluster,
} from '../../harness/static-resources.ts';

let bench: ProxyBench;
beforeEach(() => {
  bench = new ProxyBench();
});
afterEach(() => bench.close());

const HTTP_RBAC = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC';
const NETWORK_RBAC = 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC';
const any = { any: true };
const rbac = (rules: Resource) => ({ name: 'envoy.filters.http.rbac', typedConfig: { '@type': HTTP_RBAC, rules } });

async function openHttp(...rules: Resource[]): Promise<void> {
  const app = await bench.http((_request, response) => response.end('hello'));
  bench.plane.setCluster(staticCluster('app', [app]));
  const httpFilters = [...rules.map(rbac), { name: 'envoy.filters.http.router' }];
  await bench.plane.setListener(
    listener('in', [httpFilterChain({ routeConfig: anyHost([toCluster('app')]), httpFilters })]),
  );
}
const get = async (path: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(`http://127.0.0.1:${bench.port('in')}${path}`, {
    headers: { connection: 'close', ...headers },
  });
  return [answer.status, await answer.text()];
};
const reads = { permissions: [{ urlPath: { path: { prefix: '/read' } } }], principals: [any] };

test('DENY refuses what matches, with 403 and the reason', async () => {
  await openHttp({ action: 'DENY', policies: { reads } });
  expect(await get('/write')).toEqual([200, 'hello']);
  expect(await get('/read/1?x')).toEqual([403, 'RBAC: access denied']);
});

test('ALLOW refuses what does not match; several filters must all let it through', async () => {
  const trusted = { permissions: [any], principals: [{ header: { name: 'x-token', stringMatch: { exact: 's' } } }] };
  await openHttp({ action: 'ALLOW', policies: { trusted } }, { policies: { reads } });
  expect(await get('/read', { 'x-token': 's' })).toEqual([200, 'hello']);
  expect((await get('/read'))[0]).toBe(403);
  expect((await get('/write', { 'x-token': 's' }))[0]).toBe(403);
});

test('without a certificate nobody is authenticated', async () => {
  await openHttp({ action: 'ALLOW', policies: { mesh: { permissions: [any], principals: [{ authenticated: {} }] } } });
  expect((await get('/'))[0]).toBe(403);
});

test('a rule that is not supported is refused with the whole listener', async () => {
  await expect(openHttp({ policies: { p: { permissions: [{ matcher: {} }], principals: [any] } } })).rejects.toThrow(
    'permission matcher is not supported',
  );
});

test('connections are refused before a byte reaches the app', async () => {
  let reached = 0;
  const app = await bench.http((_request, response) => {
    reached++;
    response.end();
  });
  bench.plane.setCluster(staticCluster('app', [app]));
  const chain = tcpFilterChain({ cluster: 'app' });
  const filter = {
    name: 'envoy.filters.network.rbac',
    typedConfig: {
      '@type': NETWORK_RBAC,
      statPrefix: 'tcp.',
      rules: { action: 'DENY', policies: { all: { permissions: [any], principals: [any] } } },
    },
  };
  await bench.plane.setListener(listener('in', [{ ...chain, filters: [filter, ...(chain['filters'] as Resource[])] }]));
  const socket = connect(bench.port('in'), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  expect(reached).toBe(0);
});
