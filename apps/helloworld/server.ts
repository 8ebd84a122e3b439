// helloworld: says its version and pod. GET /hello.
import { hostname } from 'node:os';
import { type Environment, type Handler, httpServer, json, notFound, runServer } from '../bookinfo/servers/server.ts';

export function helloworldHandler(env: Environment): Handler {
  const text = `Hello version: ${env['SERVICE_VERSION'] ?? 'v1'}, instance: ${env['HOSTNAME'] ?? hostname()}\n`;
  return (_request, url) => {
    if (url.pathname === '/health') return json({ status: 'Helloworld is healthy' });
    return url.pathname === '/hello'
      ? { status: 200, contentType: 'text/html; charset=utf-8', body: text }
      : notFound(url.pathname);
  };
}

if (import.meta.main)
  runServer('helloworld', httpServer(helloworldHandler(process.env)), { PORT: '5000', ...process.env });
