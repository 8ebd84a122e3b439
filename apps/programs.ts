// Programs that images run: bundle name -> entry file. Each is bundled to `<name>.mjs`.

/** One program and where its source begins. */
export interface Program {
  /** Name of the bundle without its ending. */
  readonly name: string;
  /** Entry file, relative to the repository's root. */
  readonly entry: string;
}

/** Programs of the mesh, and of the example apps. */
export const programs: readonly Program[] = [
  { name: 'control-plane', entry: 'services/control-plane/main.ts' },
  { name: 'proxy', entry: 'services/proxy/main.ts' },
  { name: 'bookinfo-productpage', entry: 'apps/bookinfo/servers/productpage/main.ts' },
  { name: 'bookinfo-details', entry: 'apps/bookinfo/servers/details.ts' },
  { name: 'bookinfo-reviews', entry: 'apps/bookinfo/servers/reviews.ts' },
  { name: 'bookinfo-ratings', entry: 'apps/bookinfo/servers/ratings.ts' },
  { name: 'httpbin', entry: 'apps/httpbin/server.ts' },
  { name: 'helloworld', entry: 'apps/helloworld/server.ts' },
  { name: 'tcp-echo', entry: 'apps/tcp-echo/server.ts' },
];
