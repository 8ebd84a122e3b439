import { Chart, MeshService, Platform } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });

const cart = new MeshService(shop, 'cart', {
  port: 8080,
  versions: {
    v1: 'shop/cart:1.4',
    v2: { image: 'shop/cart:2.0', replicas: 2, env: { CURRENCY: 'EUR' } },
  },
  readiness: '/health',
});
cart.deployment('v2').metadata.addAnnotation('shop.example/owner', 'team-cart');

export default platform;
