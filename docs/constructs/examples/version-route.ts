import { Chart, MeshService, Platform, VersionRoute } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });
const cart = new MeshService(shop, 'cart', { port: 8080, versions: { v1: 'shop/cart:1.4', v2: 'shop/cart:2.0' } });

new VersionRoute(shop, 'stable', { service: cart, to: 'v1' });
new VersionRoute(shop, 'new-api', { service: cart, match: { path: { prefix: '/api/v2' }, method: 'GET' }, to: 'v2' });

export default platform;
