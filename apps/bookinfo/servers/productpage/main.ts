// productpage: the book's page, put together from details and reviews. Logging in sends `end-user` along with every call.
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { getJson, serviceUrl } from '../call.ts';
import {
  type Answer,
  type Environment,
  type Handler,
  httpServer,
  json,
  notFound,
  readBody,
  runServer,
} from '../server.ts';
import { forwardedHeaders } from '../trace-headers.ts';
import { indexPage } from './index-page.ts';
import { type PageData, productPage } from './page.ts';

const product = {
  id: 0,
  title: 'The Comedy of Errors',
  descriptionHtml:
    'Twin brothers, parted by a shipwreck, each with a servant who is a twin as well, come to the same town on the same day.',
};

/** Time limit of one call, in milliseconds. */
const CALL_MS = 3000;
/** Name of a user: what fits in a header as it is. */
const USER = /^[\w.@ -]{1,64}$/;

export function productpageHandler(env: Environment): Handler {
  const urls = {
    details: `${serviceUrl('details', env)}/details`,
    reviews: `${serviceUrl('reviews', env)}/reviews`,
    ratings: `${serviceUrl('ratings', env)}/ratings`,
  };
  const self = { version: env['SERVICE_VERSION'] ?? 'v1', podname: env['HOSTNAME'] ?? hostname() };

  const call = async (service: keyof typeof urls, id: string, request: IncomingMessage) => {
    const headers = outgoingHeaders(request);
    const first = await getJson(`${urls[service]}/${id}`, headers, CALL_MS);
    // As in the stock app: reviews are asked twice, which the fault-injection story needs.
    return first.status === 200 || service !== 'reviews'
      ? first
      : await getJson(`${urls[service]}/${id}`, headers, CALL_MS);
  };

  const api = async (service: keyof typeof urls, id: string, request: IncomingMessage): Promise<Answer> => {
    const result = await call(service, id, request);
    return result.status === 200
      ? json(result.body)
      : json({ error: `product ${service} are currently unavailable`, reason: result.error }, result.status);
  };

  return async (request, url) => {
    if (request.method === 'POST' && url.pathname === '/login') return login(request);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return json({ error: `${request.method} is not served` }, 405);
    if (url.pathname === '/health') return { status: 200, contentType: 'text/plain', body: 'Product page is healthy' };
    if (url.pathname === '/' || url.pathname === '/index.html') return html(indexPage(userOf(request)));
    if (url.pathname === '/logout') return seeOther('user=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0');
    if (url.pathname === '/productpage') {
      const [details, reviews] = await Promise.all([call('details', '0', request), call('reviews', '0', request)]);
      return html(productPage({ product, details, reviews, user: userOf(request), self } satisfies PageData));
    }
    if (url.pathname === '/api/v1/products') return json([product]);
    const path = /^\/api\/v1\/products\/(\d{1,9})(?:\/(reviews|ratings))?$/.exec(url.pathname);
    if (path) return api((path[2] as 'reviews' | 'ratings' | undefined) ?? 'details', path[1]!, request);
    return notFound(url.pathname);
  };
}

/** What is handed on: trace headers as they came, and the user of the session, who wins over a header sent along. */
function outgoingHeaders(request: IncomingMessage): Record<string, string> {
  const headers = forwardedHeaders(request.headers);
  const user = sessionUser(request);
  return user === undefined ? headers : { ...headers, 'end-user': user };
}

function sessionUser(request: IncomingMessage): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name !== 'user' || !value) continue;
    const user = tryDecode(value);
    if (user !== undefined && USER.test(user)) return user;
  }
  return undefined;
}

const tryDecode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

/** The user to greet: of the session, else of the header. */
function userOf(request: IncomingMessage): string | undefined {
  const header = request.headers['end-user'];
  return sessionUser(request) ?? (typeof header === 'string' && header !== '' ? header : undefined);
}

async function login(request: IncomingMessage): Promise<Answer> {
  const user = new URLSearchParams(await readBody(request)).get('username')?.trim() ?? '';
  if (!USER.test(user)) {
    return json({ error: 'username: 1 to 64 letters, digits, spaces or any of . _ @ -' }, 400);
  }
  return seeOther(`user=${encodeURIComponent(user)}; Path=/; HttpOnly; SameSite=Lax`);
}

const seeOther = (cookie: string): Answer => ({
  status: 303,
  contentType: 'text/plain',
  body: '',
  headers: { location: '/productpage', 'set-cookie': cookie },
});

const html = (body: string): Answer => ({
  status: 200,
  contentType: 'text/html; charset=utf-8',
  body,
  headers: {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'",
  },
});

if (import.meta.main) runServer('productpage', httpServer(productpageHandler(process.env)));
