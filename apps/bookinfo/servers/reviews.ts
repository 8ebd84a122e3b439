// reviews: what readers say. v1 shows no stars; v2 (black) and v3 (red) ask ratings. GET /reviews/<id>.
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { getJson, serviceUrl } from './call.ts';
import { type Environment, type Handler, httpServer, json, notFound, runServer } from './server.ts';
import { forwardedHeaders } from './trace-headers.ts';

/** A review as the page shows it. */
export interface Review {
  readonly reviewer: string;
  readonly text: string;
  readonly rating?: { readonly stars: number; readonly color: string } | { readonly error: string } | undefined;
}

const texts: readonly { readonly reviewer: string; readonly text: string }[] = [
  {
    reviewer: 'Reviewer1',
    text: 'Two pairs of twins, one town, and nobody thinks of asking. I laughed out loud on the train, twice, and missed my stop once.',
  },
  {
    reviewer: 'Reviewer2',
    text: 'The shortest way into Shakespeare: fast, silly and kind. Read it aloud with friends, and let the loudest one play both Dromios.',
  },
];

export function reviewsHandler(env: Environment): Handler {
  const withRatings = env['ENABLE_RATINGS'] === 'true';
  const color = env['STAR_COLOR'] ?? 'black';
  const version = env['SERVICE_VERSION'] ?? (withRatings ? (color === 'red' ? 'v3' : 'v2') : 'v1');
  const podname = env['HOSTNAME'] ?? hostname();
  const ratings = serviceUrl('ratings', env);
  // As in the stock app: black stars wait long, so that an injected delay shows where a time limit is too short.
  const timeoutMs = color === 'black' ? 10_000 : 2500;

  const starsOf = async (request: IncomingMessage, id: string): Promise<Map<string, number> | undefined> => {
    const result = await getJson(`${ratings}/ratings/${id}`, forwardedHeaders(request.headers), timeoutMs);
    if (result.status !== 200) return undefined;
    const given = (result.body as { ratings?: Record<string, number> } | null)?.ratings ?? {};
    return new Map(Object.entries(given));
  };

  return async (request, url) => {
    if (url.pathname === '/health') return json({ status: 'Reviews is healthy' });
    const id = /^\/reviews\/(\d{1,9})$/.exec(url.pathname)?.[1];
    if (id === undefined) return notFound(url.pathname);
    const stars = withRatings ? await starsOf(request, id) : undefined;
    const rating = (reviewer: string): Review['rating'] =>
      stars ? { stars: stars.get(reviewer) ?? 0, color } : { error: 'Ratings service is currently unavailable' };
    const reviews: Review[] = texts.map((each) => (withRatings ? { ...each, rating: rating(each.reviewer) } : each));
    return json({ id, podname, clustername: env['CLUSTER_NAME'] ?? 'null', version, reviews });
  };
}

if (import.meta.main) runServer('reviews', httpServer(reviewsHandler(process.env)));
