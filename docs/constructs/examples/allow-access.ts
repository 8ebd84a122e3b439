import { AllowAccess, Chart, DenyAccess, MeshService, Platform } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });
const web = new MeshService(shop, 'web', { port: 8080, versions: { v1: 'shop/web:3.1' } });
const cart = new MeshService(shop, 'cart', { port: 8080, versions: { v1: 'shop/cart:1.4', v2: 'shop/cart:2.0' } });

new AllowAccess(shop, 'readers', { to: cart, from: [web, 'ingress-gateway'], methods: ['GET'] });
new DenyAccess(shop, 'no-deletes', { to: cart, methods: ['DELETE'] });

export default platform;
