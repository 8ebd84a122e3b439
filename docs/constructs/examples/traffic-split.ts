import { Chart, MeshService, Platform, TrafficSplit } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });
const cart = new MeshService(shop, 'cart', { port: 8080, versions: { v1: 'shop/cart:1.4', v2: 'shop/cart:2.0' } });

new TrafficSplit(shop, 'half', { service: cart, weights: { v1: 50, v2: 50 } });

export default platform;
