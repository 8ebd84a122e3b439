// Image table of the embedded cluster: which program stands behind an image name. Tags and digests are ignored.

/** One row: what a container of this image runs when its `command` is not set. */
export interface ImageRow {
  /** Normalised name without tag: `docker.io/library/nginx`. */
  readonly image: string;
  /** Entrypoint. `${node}` is the Node binary, `${bundle}` the directory of bundles (see programs.ts). */
  readonly command: readonly string[];
  /** Default arguments; replaced by the container's `args`. */
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** User and group that the image declares. */
  readonly user?: number | undefined;
  readonly group?: number | undefined;
}

const bundle = (name: string): readonly string[] => [`\${node}`, `\${bundle}/${name}.mjs`];

/** Unprivileged user of the example apps, as their stock images declare. */
const unprivileged = { user: 1000, group: 1000 };

/** Registries from which the mesh's own images are known. */
const MESH_REGISTRIES = ['docker.io/rigging', 'docker.io/istio', 'registry.istio.io/release', 'gcr.io/istio-release'];

const meshImages: readonly ImageRow[] = MESH_REGISTRIES.flatMap((registry) => [
  { image: `${registry}/pilot`, command: bundle('control-plane') },
  { image: `${registry}/proxyv2`, command: bundle('proxy') },
]);

const bookinfo = (name: string, program: string, env: Readonly<Record<string, string>> = {}): readonly ImageRow[] =>
  ['docker.io/istio', 'registry.istio.io/release'].map((registry) => ({
    image: `${registry}/examples-bookinfo-${name}`,
    command: bundle(`bookinfo-${program}`),
    env,
    ...unprivileged,
  }));

const bookinfoImages: readonly ImageRow[] = [
  ...bookinfo('productpage-v1', 'productpage', { SERVICE_VERSION: 'v1' }),
  ...bookinfo('details-v1', 'details', { SERVICE_VERSION: 'v1' }),
  ...bookinfo('reviews-v1', 'reviews', { SERVICE_VERSION: 'v1', ENABLE_RATINGS: 'false' }),
  ...bookinfo('reviews-v2', 'reviews', { SERVICE_VERSION: 'v2', ENABLE_RATINGS: 'true', STAR_COLOR: 'black' }),
  ...bookinfo('reviews-v3', 'reviews', { SERVICE_VERSION: 'v3', ENABLE_RATINGS: 'true', STAR_COLOR: 'red' }),
  ...bookinfo('ratings-v1', 'ratings', { SERVICE_VERSION: 'v1' }),
];

const sampleImages: readonly ImageRow[] = [
  { image: 'docker.io/curlimages/curl', command: ['curl'], args: ['--version'] },
  { image: 'docker.io/pstauch/sleep', command: ['sleep', 'infinity'] },
  { image: 'docker.io/kennethreitz/httpbin', command: bundle('httpbin'), env: { PORT: '80' } },
  { image: 'docker.io/mccutchen/go-httpbin', command: bundle('httpbin'), env: { PORT: '8080' } },
  ...['v1', 'v2'].map((version) => ({
    image: `docker.io/istio/examples-helloworld-${version}`,
    command: bundle('helloworld'),
    env: { SERVICE_VERSION: version },
    ...unprivileged,
  })),
  { image: 'docker.io/istio/tcp-echo-server', command: bundle('tcp-echo'), args: ['9000', 'hello'], ...unprivileged },
];

/** Add-ons run programs of the machine. */
const addonImages: readonly ImageRow[] = [
  { image: 'docker.io/prom/prometheus', command: ['prometheus'], user: 65534, group: 65534 },
];

/** Every image that the embedded cluster can run. */
export const images: readonly ImageRow[] = [...meshImages, ...bookinfoImages, ...sampleImages, ...addonImages];
