import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { detailsHandler } from '../../../apps/bookinfo/servers/details.ts';
import { productpageHandler } from '../../../apps/bookinfo/servers/productpage/main.ts';
import { ratingsHandler } from '../../../apps/bookinfo/servers/ratings.ts';
import { reviewsHandler } from '../../../apps/bookinfo/servers/reviews.ts';
import { type Handler, httpServer, json } from '../../../apps/bookinfo/servers/server.ts';
import { FORWARDED_HEADERS } from '../../../apps/bookinfo/servers/trace-headers.ts';

const open: Server[] = [];

async function start(handler: Handler): Promise<number> {
  const server = httpServer(handler);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

afterEach(async () => {
  await Promise.all(
    open.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

/** Variables that lead to a service on the loopback interface. */
const at = (name: string, port: number): Record<string, string> => ({
  [`${name}_HOSTNAME`]: '127.0.0.1',
  [`${name}_SERVICE_PORT`]: String(port),
});
const get = (port: number, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close', ...headers }, redirect: 'manual' });

describe('reviews', () => {
  test('v1 has no stars and does not ask ratings', async () => {
    const port = await start(reviewsHandler({ SERVICE_VERSION: 'v1', HOSTNAME: 'reviews-v1-x' }));
    const body = (await (await get(port, '/reviews/0')).json()) as { podname: string; reviews: { rating?: unknown }[] };
    expect(body.podname).toBe('reviews-v1-x');
    expect(body.reviews.map((review) => review.rating)).toEqual([undefined, undefined]);
  });

  test.each([
    ['v2', 'black'],
    ['v3', 'red'],
  ])('%s has %s stars from ratings', async (version, color) => {
    const ratings = await start(ratingsHandler({}));
    const env = { SERVICE_VERSION: version, ENABLE_RATINGS: 'true', STAR_COLOR: color, ...at('RATINGS', ratings) };
    const body = (await (await get(await start(reviewsHandler(env)), '/reviews/0')).json()) as {
      reviews: { rating: unknown }[];
    };
    expect(body.reviews.map((review) => review.rating)).toEqual([
      { stars: 5, color },
      { stars: 4, color },
    ]);
  });

  test('says so when ratings does not answer', async () => {
    const env = { ENABLE_RATINGS: 'true', ...at('RATINGS', await start(() => json({}, 500))) };
    const text = await (await get(await start(reviewsHandler(env)), '/reviews/0')).text();
    expect(text).toContain('Ratings service is currently unavailable');
  });
});

describe('ratings', () => {
  test('keeps what is put until the next start, and refuses what is not stars', async () => {
    const port = await start(ratingsHandler({}));
    const send = (body: string) =>
      fetch(`http://127.0.0.1:${port}/ratings/7`, { method: 'POST', body, headers: { connection: 'close' } });
    expect((await send('{"Reviewer1":1}')).status).toBe(200);
    expect(await (await get(port, '/ratings/7')).json()).toMatchObject({ id: 7, ratings: { Reviewer1: 1 } });
    expect((await send('{"Reviewer1":"many"}')).status).toBe(400);
    expect((await send('x'.repeat(70_000))).status).toBe(500);
    expect((await get(port, '/ratings/abc')).status).toBe(400);
  });
});

describe('productpage', () => {
  const pageWith = async (env: Record<string, string>): Promise<number> =>
    start(productpageHandler({ HOSTNAME: 'pp', ...env }));

  test('shows book, reviews, stars and who answered', async () => {
    const ratings = await start(ratingsHandler({}));
    const details = await start(detailsHandler({ HOSTNAME: 'details-v1-a' }));
    const reviews = await start(
      reviewsHandler({
        SERVICE_VERSION: 'v3',
        HOSTNAME: 'reviews-v3-b',
        ENABLE_RATINGS: 'true',
        STAR_COLOR: 'red',
        ...at('RATINGS', ratings),
      }),
    );
    const port = await pageWith({ ...at('DETAILS', details), ...at('REVIEWS', reviews) });
    const page = await (await get(port, '/productpage')).text();
    expect(page).toMatch(/^<!DOCTYPE html>/);
    expect(page).toContain('The Comedy of Errors');
    expect(page).toContain('data-pod="reviews-v3-b"');
    expect(page).toContain('data-color="red"');
    expect(page).toContain('1234567890');
    expect(page).toContain('<b>productpage v1</b> · pp');
  });

  test('shows a panel for a service that is down, and the rest of the page', async () => {
    const details = await start(detailsHandler({}));
    const port = await pageWith({
      ...at('DETAILS', details),
      ...at('REVIEWS', await start(() => json({ error: 'boom' }, 503))),
    });
    const response = await get(port, '/productpage');
    expect(response.status).toBe(200);
    const page = await response.text();
    expect(page).toContain('reviews is not available right now.');
    expect(page).toContain('status 503');
    expect(page).toContain('paperback');
  });

  test('hands trace headers on, and the user of the session as end-user', async () => {
    const seen: Record<string, unknown>[] = [];
    const record: Handler = (request) => {
      seen.push(request.headers);
      return json({});
    };
    const port = await pageWith({ ...at('DETAILS', await start(record)), ...at('REVIEWS', await start(record)) });
    const sent = Object.fromEntries(
      FORWARDED_HEADERS.filter((name) => name !== 'cookie').map((name) => [name, `value-of-${name}`]),
    );
    await get(port, '/productpage', { ...sent, cookie: 'user=jason; other=1' });
    expect(seen).toHaveLength(2);
    for (const headers of seen) {
      expect(headers).toMatchObject({ ...sent, cookie: 'user=jason; other=1', 'end-user': 'jason' });
    }
    await get(port, '/productpage', { 'end-user': 'bob' });
    expect(seen[2]).toMatchObject({ 'end-user': 'bob' });
  });

  test('logs in and out by a cookie, and takes no name that is not one', async () => {
    const port = await pageWith({});
    const login = (username: string) =>
      fetch(`http://127.0.0.1:${port}/login`, {
        method: 'POST',
        body: new URLSearchParams({ username }),
        redirect: 'manual',
        headers: { connection: 'close' },
      });
    const response = await login('jason');
    expect([response.status, response.headers.get('location')]).toEqual([303, '/productpage']);
    expect(response.headers.get('set-cookie')).toMatch(/^user=jason; /);
    expect((await login('<script>\r\n')).status).toBe(400);
    expect((await get(port, '/logout')).headers.get('set-cookie')).toMatch(/^user=; .*Max-Age=0/);
  });

  test('escapes everything that comes from elsewhere', async () => {
    const bad = '<img src=x onerror=alert(1)>';
    const details = await start(() => json({ author: bad, podname: bad }));
    const reviews = await start(() =>
      json({ reviews: [{ reviewer: bad, text: bad, rating: { stars: 9, color: bad } }] }),
    );
    const port = await pageWith({ ...at('DETAILS', details), ...at('REVIEWS', reviews) });
    expect(await (await get(port, '/productpage', { 'end-user': bad })).text()).not.toContain('<img');
  });

  test('serves the API, health and the front door', async () => {
    const port = await pageWith(at('DETAILS', await start(detailsHandler({}))));
    expect(await (await get(port, '/api/v1/products')).json()).toMatchObject([
      { id: 0, title: 'The Comedy of Errors' },
    ]);
    expect(await (await get(port, '/api/v1/products/0')).json()).toMatchObject({ author: 'William Shakespeare' });
    expect((await get(port, '/health')).status).toBe(200);
    expect((await get(port, '/')).status).toBe(200);
    expect((await get(port, '/nothing')).status).toBe(404);
  });
});
