// Frame around every page: the bar with the log-in, the content, the footer.
import { type Html, html } from './html.ts';
import { style } from './style.ts';

/** What goes into the frame. */
export interface Layout {
  readonly title: string;
  readonly user: string | undefined;
  readonly content: Html;
  readonly footer: Html;
}

export function layout({ title, user, content, footer }: Layout): string {
  const session =
    user === undefined
      ? html`<form class="user" method="post" action="/login">
          <label for="username">Read as</label>
          <input id="username" name="username" placeholder="jason" autocomplete="username" maxlength="64" required>
          <button>Log in</button></form>`
      : html`<form class="user" method="get" action="/logout"><span>Reading as <b>${user}</b></span><button>Log out</button></form>`;
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Bookinfo</title>
<style>${{ html: style }}</style>
</head>
<body>
<header class="bar"><div><a class="brand" href="/">Book<b>info</b></a>${session}</div></header>
<main>${content}</main>
<footer class="page"><div>${footer}</div></footer>
</body>
</html>
`.html;
}
