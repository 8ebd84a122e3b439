// httpbin: shows what arrived and answers as asked: /get, /post, /anything, /headers, /ip, /status/<code>, /delay/<s>, /bytes/<n>.
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Answer,
  type Environment,
  type Handler,
  httpServer,
  json,
  notFound,
  readBody,
  runServer,
} from '../bookinfo/servers/server.ts';

/** Longest wait of /delay, in seconds, and largest answer of /bytes. */
const MAX_DELAY = 10;
const MAX_BYTES = 100 * 1024;

export function httpbinHandler(_env: Environment): Handler {
  return async (request, url) => {
    const [, verb = '', argument = ''] = url.pathname.split('/');
    switch (verb) {
      case '':
        return text(
          'httpbin: /get /post /put /patch /delete /anything /headers /ip /user-agent /uuid /status/<code> /delay/<seconds> /bytes/<n>\n',
        );
      case 'get':
      case 'post':
      case 'put':
      case 'patch':
      case 'delete':
        return request.method?.toLowerCase() === verb || (verb === 'get' && request.method === 'HEAD')
          ? json(await describe(request, url))
          : json({ error: `${request.method} is not allowed here` }, 405);
      case 'anything':
        return json({ method: request.method, ...(await describe(request, url)) });
      case 'headers':
        return json({ headers: headersOf(request) });
      case 'ip':
        return json({ origin: originOf(request) });
      case 'user-agent':
        return json({ 'user-agent': request.headers['user-agent'] ?? '' });
      case 'uuid':
        return json({ uuid: crypto.randomUUID() });
      case 'health':
        return json({ status: 'ok' });
      case 'status':
        return statusAnswer(argument);
      case 'delay': {
        const seconds = Math.min(MAX_DELAY, Number(argument));
        if (!(seconds >= 0)) return json({ error: `${argument} is not a number of seconds` }, 400);
        await delay(seconds * 1000);
        return json(await describe(request, url));
      }
      case 'bytes': {
        const size = Math.min(MAX_BYTES, Number(argument));
        return Number.isInteger(size) && size >= 0 ? text('x'.repeat(size)) : json({ error: 'not a size' }, 400);
      }
      default:
        return notFound(url.pathname);
    }
  };
}

const text = (body: string): Answer => ({ status: 200, contentType: 'text/plain', body });

/** The first of `200,503` and the like; weights are not supported. */
function statusAnswer(argument: string): Answer {
  const status = Number(argument);
  if (!Number.isInteger(status) || status < 200 || status > 599)
    return json({ error: `${argument} is not a status` }, 400);
  const headers = status === 418 ? { 'x-more-info': 'http://tools.ietf.org/html/rfc2324' } : undefined;
  return { status, contentType: 'text/plain', body: '', headers };
}

async function describe(request: IncomingMessage, url: URL) {
  const args: Record<string, string | string[]> = {};
  for (const key of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(key);
    args[key] = values.length === 1 ? values[0]! : values;
  }
  return {
    args,
    headers: headersOf(request),
    origin: originOf(request),
    url: `http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`,
    data: request.method === 'GET' || request.method === 'HEAD' ? '' : await readBody(request),
  };
}

/** Header names as the stock app writes them: `X-Request-Id`. */
function headersOf(request: IncomingMessage): Record<string, string> {
  const entries = Object.entries(request.headers).map(([name, value]): [string, string] => [
    name.replace(/(^|-)([a-z])/g, (_whole, dash: string, letter: string) => dash + letter.toUpperCase()),
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const originOf = (request: IncomingMessage): string =>
  (request.headers['x-forwarded-for'] as string | undefined) ?? request.socket.remoteAddress ?? '';

if (import.meta.main) runServer('httpbin', httpServer(httpbinHandler(process.env)), { PORT: '8080', ...process.env });
