import { Chart, MeshService, Platform, TrafficMirror } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });
const cart = new MeshService(shop, 'cart', { port: 8080, versions: { v1: 'shop/cart:1.4', v2: 'shop/cart:2.0' } });

new TrafficMirror(shop, 'shadow', { service: cart, to: 'v2', percent: 10 });

export default platform;
