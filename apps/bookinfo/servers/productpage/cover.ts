// The cover of the book, drawn: two masks that are one face twice.
import type { Html } from './html.ts';

export const cover: Html = {
  html: `<svg class="cover" viewBox="0 0 220 320" role="img" aria-label="Cover of the book: two masks that look alike">
<rect width="220" height="320" fill="#7a2631"/><rect width="14" height="320" fill="#5d1b25"/>
<rect x="28" y="16" width="178" height="288" fill="none" stroke="#d9b15f" stroke-width="1.5"/>
<rect x="33" y="21" width="168" height="278" fill="none" stroke="#d9b15f" stroke-width=".6"/>
<g fill="#f6f1e7" font-family="Palatino,Georgia,serif" text-anchor="middle">
<text x="117" y="62" font-size="13" letter-spacing="5">THE</text><text x="117" y="90" font-size="25" letter-spacing="2">COMEDY</text>
<text x="117" y="111" font-size="12" letter-spacing="5">OF</text><text x="117" y="138" font-size="25" letter-spacing="2">ERRORS</text>
<text x="117" y="284" font-size="11" letter-spacing="3">SHAKESPEARE</text></g>
<g transform="translate(50 168)"><g id="a"><path d="M0 6Q29 -8 58 6Q62 60 29 76Q-4 60 0 6Z" fill="#f0dcae" stroke="#5d1b25" stroke-width="1.5"/>
<path d="M10 26q8-8 16 0q-8 6-16 0zM32 26q8-8 16 0q-8 6-16 0z" fill="#5d1b25"/><path d="M14 48q15 20 30 0q-15 7-30 0z" fill="#5d1b25"/></g></g>
<g transform="translate(184 180) scale(-1 1)"><path d="M0 6Q29 -8 58 6Q62 60 29 76Q-4 60 0 6Z" fill="#d9b15f" stroke="#5d1b25" stroke-width="1.5"/>
<path d="M10 26q8-8 16 0q-8 6-16 0zM32 26q8-8 16 0q-8 6-16 0z" fill="#5d1b25"/><path d="M14 48q15 20 30 0q-15 7-30 0z" fill="#5d1b25"/></g>
</svg>`,
};
