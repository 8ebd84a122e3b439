// The front door: what the example is made of and where to go.
import { html } from './html.ts';
import { layout } from './layout.ts';

const services: readonly (readonly [name: string, text: string])[] = [
  ['productpage', 'puts the page together and hands trace headers on'],
  ['details', 'knows the facts about the book'],
  ['reviews', 'has three versions: v1 without stars, v2 with black ones, v3 with red ones'],
  ['ratings', 'counts the stars; only reviews v2 and v3 ask it'],
];

export function indexPage(user: string | undefined): string {
  const lines = services.map(([name, text]) => html`<li><code>${name}</code> ${text}</li>`);
  const content = html`
<div class="hero" style="grid-template-columns:1fr"><div>
  <h1>One book, four services</h1>
  <p class="lead">A small shop window to try a mesh on. Open <a href="/productpage">the page of the book</a> and reload it: which
    version of reviews answers is up to the routes you declare. Log in as <b>jason</b> to be one of the testers.</p>
</div></div>
<section class="card" style="margin-bottom:48px"><ul class="lines">${lines}</ul></section>`;
  return layout({
    title: 'Welcome',
    user,
    content,
    footer: html`Also here: <code>/api/v1/products</code> and <code>/health</code>`,
  });
}
