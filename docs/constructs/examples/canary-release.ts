import { CanaryRelease, Chart, MeshService, Platform } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });
const cart = new MeshService(shop, 'cart', { port: 8080, versions: { v1: 'shop/cart:1.4', v2: 'shop/cart:2.0' } });

new CanaryRelease(shop, 'rollout', { service: cart, stable: 'v1', canary: 'v2', weight: 10 });

export default platform;
