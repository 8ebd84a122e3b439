import { Chart, FaultInjection, MeshService, Platform } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });
const cart = new MeshService(shop, 'cart', { port: 8080, versions: { v1: 'shop/cart:1.4', v2: 'shop/cart:2.0' } });

new FaultInjection(shop, 'slow', {
  service: cart,
  delay: { duration: '2s', percent: 10 },
  abort: { httpStatus: 503, percent: 1 },
});

export default platform;
