import { Chart, MeshService, Platform, Resilience } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });
const cart = new MeshService(shop, 'cart', { port: 8080, versions: { v1: 'shop/cart:1.4', v2: 'shop/cart:2.0' } });

new Resilience(shop, 'limits', {
  service: cart,
  timeout: '5s',
  retries: { attempts: 2, perTryTimeout: '2s' },
  limits: { maxConnections: 100, maxPendingRequests: 20 },
  ejection: { consecutive5xxErrors: 5, baseEjectionTime: '30s' },
});

export default platform;
