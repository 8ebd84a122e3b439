import { Chart, IngressGateway, IngressRoute, MeshService, Platform } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });
const web = new MeshService(shop, 'web', { port: 8080, versions: { v1: 'shop/web:3.1' } });
const cart = new MeshService(shop, 'cart', { port: 8080, versions: { v1: 'shop/cart:1.4', v2: 'shop/cart:2.0' } });

const gateway = new IngressGateway(shop, 'edge', { hosts: ['shop.example'], tls: { credentialName: 'shop-tls' } });
new IngressRoute(shop, 'pages', { gateway, service: web });
new IngressRoute(shop, 'cart-api', { gateway, service: cart, paths: [{ prefix: '/api/cart' }], to: 'v1' });

export default platform;
