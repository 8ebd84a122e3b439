import { Chart, EgressAllow, Platform } from 'rigging';

const platform = new Platform({ name: 'docs', cluster: { kind: 'local' } });
const shop = new Chart(platform, 'shop', { namespace: 'shop' });

new EgressAllow(shop, 'payments', { hosts: ['api.payments.example'] });
new EgressAllow(shop, 'cdn', { hosts: ['*.cdn.example'], ports: [{ port: 80, protocol: 'HTTP' }] });

export default platform;
