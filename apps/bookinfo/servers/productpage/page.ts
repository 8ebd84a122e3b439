// The page of the book: cover, facts, reviews with stars, and which pod answered. Pure: data in, HTML out.
import type { CallResult } from '../call.ts';
import type { Review } from '../reviews.ts';
import { cover } from './cover.ts';
import { type Html, html } from './html.ts';
import { layout } from './layout.ts';

/** What the page is made of. */
export interface PageData {
  readonly product: { readonly title: string; readonly descriptionHtml: string };
  readonly details: CallResult;
  readonly reviews: CallResult;
  readonly user: string | undefined;
  /** The productpage that made the page. */
  readonly self: Source;
}

/** Who answered. */
interface Source {
  readonly version?: string | undefined;
  readonly podname?: string | undefined;
}

export function productPage(data: PageData): string {
  const { product, user, self } = data;
  const content = html`
<div class="hero">
  ${cover}
  <div>
    <h1>${product.title}</h1>
    <p class="byline">a comedy in five acts, by William Shakespeare</p>
    <p class="lead">Twin brothers, parted by a shipwreck, each with a servant who is a twin as well, come to the same town on
      the same day. Dinner goes to the wrong husband, a gold chain to the wrong pocket, and the wrong man to jail: by sunset
      nobody in Ephesus trusts their own eyes.</p>
  </div>
</div>
<div class="grid">
  ${detailsCard(data.details)}
  ${reviewsCard(data.reviews)}
</div>`;
  return layout({
    title: product.title,
    user,
    content,
    footer: html`This page was put together by ${from(self, 'productpage')}`,
  });
}

const FACTS: readonly (readonly [key: string, label: string])[] = [
  ['author', 'Author'],
  ['year', 'First seen'],
  ['type', 'Binding'],
  ['pages', 'Pages'],
  ['publisher', 'Publisher'],
  ['language', 'Language'],
  ['ISBN-10', 'ISBN-10'],
  ['ISBN-13', 'ISBN-13'],
];

function detailsCard(result: CallResult): Html {
  const body = asRecord(result.body);
  if (!body) return card('details', 'The book', undefined, down('details', result));
  const facts = FACTS.filter(([key]) => body[key] !== undefined).map(
    ([key, label]) => html`<dt>${label}</dt><dd>${String(body[key])}</dd>`,
  );
  return card('details', 'The book', sourceOf(body), html`<dl>${facts}</dl>`);
}

function reviewsCard(result: CallResult): Html {
  const body = asRecord(result.body);
  const reviews = body?.['reviews'];
  if (!body || !Array.isArray(reviews)) return card('reviews', 'What readers say', undefined, down('reviews', result));
  const quotes = (reviews as readonly Review[]).map(
    (review) => html`<blockquote>
      <p>${review.text}</p>
      <footer>${rating(review.rating)}<cite>${review.reviewer}</cite></footer>
    </blockquote>`,
  );
  return card('reviews', 'What readers say', sourceOf(body), html`${quotes}`);
}

function rating(given: Review['rating']): Html | undefined {
  if (!given) return undefined;
  if ('error' in given) return html`<span class="note" data-stars="error">no stars: ratings did not answer</span>`;
  const stars = Math.max(0, Math.min(5, Math.round(given.stars)));
  const color = given.color === 'black' || given.color === 'red' ? given.color : 'other';
  return html`<span class="stars ${color}" role="img" aria-label="${stars} of 5 stars" data-stars="${stars}"
    data-color="${given.color}">${'★'.repeat(stars)}<i>${'★'.repeat(5 - stars)}</i></span>`;
}

function card(service: string, title: string, source: Source | undefined, content: Html): Html {
  return html`<section class="card" data-service="${service}" data-version="${source?.version ?? ''}"
    data-pod="${source?.podname ?? ''}">
    <div class="head"><h2>${title}</h2>${source ? html`<span class="from">${from(source, service)}</span>` : undefined}</div>
    ${content}
  </section>`;
}

/** `<b>reviews v3</b> · reviews-v3-5c9d...`; a stock server tells its pod only. */
const from = (source: Source, service: string): Html =>
  html`<b>${service}${source.version ? ` ${source.version}` : ''}</b>${source.podname ? ` · ${source.podname}` : ''}`;

function down(service: string, result: CallResult): Html {
  return html`<p class="down" role="alert"><b>${service} is not available right now.</b>
    It answered with status ${result.status}${result.error ? `: ${result.error}` : ''}. The rest of the page works without it.</p>`;
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;

const sourceOf = (body: Readonly<Record<string, unknown>>): Source => ({
  version: typeof body['version'] === 'string' ? body['version'] : undefined,
  podname: typeof body['podname'] === 'string' ? body['podname'] : undefined,
});
