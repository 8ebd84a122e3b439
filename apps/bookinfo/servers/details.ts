// details: the plain facts about a book. GET /details/<id>.
import { hostname } from 'node:os';
import { type Environment, type Handler, httpServer, json, notFound, runServer } from './server.ts';

export function detailsHandler(env: Environment): Handler {
  const source = { version: env['SERVICE_VERSION'] ?? 'v1', podname: env['HOSTNAME'] ?? hostname() };
  return (_request, url) => {
    if (url.pathname === '/health') return json({ status: 'Details is healthy' });
    const text = /^\/details\/([^/]+)$/.exec(url.pathname)?.[1];
    if (text === undefined) return notFound(url.pathname);
    if (!/^\d{1,9}$/.test(text)) return json({ error: 'please provide numeric product id' }, 400);
    return json({
      id: Number(text),
      author: 'William Shakespeare',
      year: 1595,
      type: 'paperback',
      pages: 200,
      publisher: 'PublisherA',
      language: 'English',
      'ISBN-10': '1234567890',
      'ISBN-13': '123-1234567890',
      ...source,
    });
  };
}

if (import.meta.main) runServer('details', httpServer(detailsHandler(process.env)));
