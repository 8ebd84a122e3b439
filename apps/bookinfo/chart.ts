// Bookinfo: four services, a canary of reviews, a route for testers, and the page at the ingress gateway.
import type { Construct } from 'constructs';
import {
  CanaryRelease,
  Chart,
  HeaderRoute,
  IngressGateway,
  IngressRoute,
  MeshNamespace,
  MeshService,
} from '../../constructs/index.ts';

const image = (name: string): string => `docker.io/istio/examples-bookinfo-${name}:1.20.3`;

/** Port of all four services. */
const PORT = 9080;
const options = (name: string) => ({ port: PORT, serviceAccount: `bookinfo-${name}`, readiness: '/health' });

export class Bookinfo extends Chart {
  readonly productpage: MeshService<'v1'>;
  readonly reviews: MeshService<'v1' | 'v2' | 'v3'>;

  constructor(
    scope: Construct,
    id: string,
    props: { readonly namespace?: string; readonly canaryWeight?: number } = {},
  ) {
    const namespace = props.namespace ?? 'default';
    super(scope, id, { namespace });
    new MeshNamespace(this, 'namespace', { name: namespace });
    new MeshService(this, 'details', { ...options('details'), versions: { v1: image('details-v1') } });
    new MeshService(this, 'ratings', { ...options('ratings'), versions: { v1: image('ratings-v1') } });
    this.reviews = new MeshService(this, 'reviews', {
      ...options('reviews'),
      versions: { v1: image('reviews-v1'), v2: image('reviews-v2'), v3: image('reviews-v3') },
    });
    this.productpage = new MeshService(this, 'productpage', {
      ...options('productpage'),
      versions: { v1: image('productpage-v1') },
    });

    new HeaderRoute(this, 'testers', { service: this.reviews, headers: { 'end-user': 'jason' }, to: 'v2' });
    new CanaryRelease(this, 'rollout', {
      service: this.reviews,
      stable: 'v1',
      canary: 'v3',
      weight: props.canaryWeight ?? 10,
    });

    const gateway = new IngressGateway(this, 'bookinfo-gateway', { hosts: ['*'] });
    new IngressRoute(this, 'bookinfo', {
      gateway,
      service: this.productpage,
      paths: [
        '/',
        '/productpage',
        '/login',
        '/logout',
        '/health',
        { prefix: '/static' },
        { prefix: '/api/v1/products' },
      ],
    });
  }
}
