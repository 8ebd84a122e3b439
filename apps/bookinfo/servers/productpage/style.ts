// The look of the page: paper and ink by day, lamplight by night. No script, no font and no image from elsewhere.
export const style = `
:root { --paper:#f6f1e7; --card:#fffdf8; --ink:#2b2320; --soft:#6f625a; --line:#e3d9c8; --accent:#8c2f39; --gold:#b98b2f;
  --star-black:#2b2320; --star-red:#c8202f; --star-off:#ded3c2; --bad:#8a1f1f; --bad-bg:#fbeceb; }
@media (prefers-color-scheme: dark) { :root { --paper:#1b1716; --card:#25201e; --ink:#efe6da; --soft:#b3a598; --line:#3a322e;
  --accent:#e08a8f; --gold:#d9b15f; --star-black:#efe6da; --star-red:#ff5a66; --star-off:#4a403a; --bad:#ffb3ad; --bad-bg:#3a2322; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--paper); color:var(--ink); font:17px/1.6 "Iowan Old Style",Palatino,"Palatino Linotype",Georgia,serif; }
a { color:var(--accent); }
header.bar { border-bottom:1px solid var(--line); background:var(--card); }
.bar > div, main, footer > div { max-width:1040px; margin:0 auto; padding:0 24px; }
.bar > div { display:flex; align-items:center; justify-content:space-between; gap:16px; min-height:64px; flex-wrap:wrap; }
.brand { font-weight:700; letter-spacing:.02em; text-decoration:none; color:var(--ink); }
.brand b { color:var(--accent); }
form.user { display:flex; gap:8px; align-items:center; margin:8px 0; font-size:15px; }
input, button { font:inherit; padding:6px 12px; border-radius:6px; border:1px solid var(--line); background:var(--paper); color:var(--ink); }
input { width:9.5em; }
button { background:var(--accent); color:var(--card); border-color:transparent; cursor:pointer; }
input:focus-visible, button:focus-visible, a:focus-visible { outline:3px solid var(--gold); outline-offset:2px; }
.hero { display:grid; grid-template-columns:220px 1fr; gap:40px; align-items:start; padding:48px 0 40px; }
.cover { width:220px; border-radius:4px 10px 10px 4px; box-shadow:0 2px 4px #0003,0 16px 32px -12px #0006; display:block; }
h1 { font-size:clamp(34px,5vw,52px); line-height:1.1; margin:0 0 8px; letter-spacing:-.01em; }
.byline { color:var(--soft); font-style:italic; margin:0 0 20px; }
.lead { font-size:19px; max-width:38em; margin:0; }
.grid { display:grid; grid-template-columns:minmax(0,5fr) minmax(0,8fr); gap:28px; align-items:start; padding-bottom:48px; }
section.card { background:var(--card); border:1px solid var(--line); border-radius:12px; padding:24px 28px; }
.head { display:flex; justify-content:space-between; align-items:baseline; gap:12px; flex-wrap:wrap; margin-bottom:12px; }
h2 { font-size:22px; margin:0; }
.from { font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; color:var(--soft); }
.from b { color:var(--accent); font-weight:600; }
dl { display:grid; grid-template-columns:auto 1fr; gap:8px 20px; margin:0; }
dt { color:var(--soft); }
dd { margin:0; overflow-wrap:anywhere; }
blockquote { margin:0; padding:18px 0; border-top:1px solid var(--line); }
blockquote:first-of-type { border-top:0; padding-top:4px; }
blockquote:last-of-type { padding-bottom:0; }
blockquote p { margin:0 0 8px; }
blockquote footer { display:flex; gap:14px; align-items:center; color:var(--soft); font-size:15px; }
.stars { font-size:22px; letter-spacing:3px; line-height:1; }
.stars.black { color:var(--star-black); } .stars.red { color:var(--star-red); } .stars.other { color:var(--gold); }
.stars i { color:var(--star-off); font-style:normal; }
.down { background:var(--bad-bg); color:var(--bad); border-radius:8px; padding:14px 16px; margin:0; }
.down b { display:block; }
.note { color:var(--soft); font-size:14px; }
footer.page { border-top:1px solid var(--line); color:var(--soft); font-size:14px; padding:18px 0 32px; }
.lines { list-style:none; padding:0; margin:0; }
.lines li { padding:12px 0; border-top:1px solid var(--line); } .lines li:first-child { border-top:0; }
code { font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; }
@media (max-width:760px) { .hero, .grid { grid-template-columns:minmax(0,1fr); } .hero { padding-top:28px; gap:24px; } .cover { width:160px; } }
`;
