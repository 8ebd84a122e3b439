// ratings: how many stars each reviewer gave. GET /ratings/<id>, PUT or POST to change them until the next start.
import { hostname } from 'node:os';
import { type Environment, type Handler, httpServer, json, notFound, readBody, runServer } from './server.ts';

/** Products for which ratings may be stored; keeps memory bounded. */
const MAX_PRODUCTS = 1000;

export function ratingsHandler(env: Environment): Handler {
  const stored = new Map<number, Record<string, number>>();
  const initial = { Reviewer1: 5, Reviewer2: 4 };
  const source = { version: env['SERVICE_VERSION'] ?? 'v1', podname: env['HOSTNAME'] ?? hostname() };
  return async (request, url) => {
    if (url.pathname === '/health') return json({ status: 'Ratings is healthy' });
    const id = Number(/^\/ratings\/(\d{1,9})$/.exec(url.pathname)?.[1] ?? Number.NaN);
    if (Number.isNaN(id)) {
      return url.pathname.startsWith('/ratings/')
        ? json({ error: 'please provide numeric product ID' }, 400)
        : notFound(url.pathname);
    }
    if (request.method === 'POST' || request.method === 'PUT') {
      const ratings = tryRatings(await readBody(request));
      if (!ratings) return json({ error: 'the body must be a JSON object of reviewer: stars' }, 400);
      if (stored.size >= MAX_PRODUCTS && !stored.has(id)) return json({ error: 'no more products fit' }, 507);
      stored.set(id, ratings);
    }
    return json({ id, ratings: stored.get(id) ?? initial, ...source });
  };
}

function tryRatings(text: string): Record<string, number> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value as Record<string, unknown>);
    if (!entries.every((entry): entry is [string, number] => typeof entry[1] === 'number')) return undefined;
    return Object.fromEntries(entries);
  } catch {
    return undefined;
  }
}

if (import.meta.main) runServer('ratings', httpServer(ratingsHandler(process.env)));
