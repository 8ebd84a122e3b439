// The small servers behind the images of Istio's other samples, and the table that names them.
import { existsSync } from 'node:fs';
import { Server as HttpServer } from 'node:http';
import { connect, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { httpServer } from '../../apps/bookinfo/servers/server.ts';
import { helloworldHandler } from '../../apps/helloworld/server.ts';
import { httpbinHandler } from '../../apps/httpbin/server.ts';
import { images } from '../../apps/images.ts';
import { programs } from '../../apps/programs.ts';
import { tcpEchoServer } from '../../apps/tcp-echo/server.ts';

const open: Server[] = [];
async function start<S extends Server>(server: S): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
afterEach(async () => {
  for (const server of open.splice(0)) {
    if (server instanceof HttpServer) server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
const get = (port: number, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers: { connection: 'close', ...init.headers } });

describe('httpbin', () => {
  test('shows what arrived', async () => {
    const port = await start(httpServer(httpbinHandler({})));
    const body = (await (await get(port, '/get?a=1&a=2&b=3', { headers: { 'x-test': 'yes' } })).json()) as {
      args: unknown;
      headers: Record<string, string>;
    };
    expect(body.args).toEqual({ a: ['1', '2'], b: '3' });
    expect(body.headers['X-Test']).toBe('yes');
    expect(await (await get(port, '/anything', { method: 'POST', body: 'hi' })).json()).toMatchObject({
      method: 'POST',
      data: 'hi',
    });
  });

  test.each([
    ['/status/418', 418],
    ['/status/99', 400],
    ['/post', 405],
    ['/delay/0', 200],
    ['/delay/x', 400],
    ['/bytes/10', 200],
    ['/nothing', 404],
  ])('%s answers %i', async (path, status) => {
    const port = await start(httpServer(httpbinHandler({})));
    expect((await get(port, path)).status).toBe(status);
  });
});

test('helloworld says version and pod', async () => {
  const port = await start(httpServer(helloworldHandler({ SERVICE_VERSION: 'v2', HOSTNAME: 'pod-1' })));
  expect(await (await get(port, '/hello')).text()).toBe('Hello version: v2, instance: pod-1\n');
});

test('tcp-echo sends lines back, also such as come in pieces', async () => {
  const port = await start(tcpEchoServer('hello'));
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('one\ntw');
      socket.write('o\n');
    });
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (text.split('\n').length === 3) socket.end();
    });
    socket.on('close', () => resolve(text));
  });
  expect(answer).toBe('hello one\nhello two\n');
});

describe('the image table', () => {
  test('names each image once and only programs that are there', () => {
    const names = images.map((row) => row.image);
    expect(new Set(names).size).toBe(names.length);
    const known = new Set(programs.map((program) => `\${bundle}/${program.name}.mjs`));
    for (const { command } of images) {
      for (const part of command) if (part.includes('{bundle}')) expect(known).toContain(part);
    }
    for (const { entry } of programs)
      expect([entry, existsSync(join(import.meta.dirname, '../..', entry))]).toEqual([entry, true]);
  });
});
