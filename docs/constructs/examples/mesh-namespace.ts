import { Chart, MeshNamespace, Platform } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });

new MeshNamespace(shop, 'shop');
new MeshNamespace(shop, 'batch', { injection: false, labels: { team: 'data' } });

export default platform;
