// Gateways against the rest: proxies that they select, secrets that they name, and one another.
import { formatLabels, type Inventory, matchesLabels } from './inventory.ts';
import { type Message, message, nameOf } from './message.ts';

export function analyseGateways(inventory: Inventory): Message[] {
  const messages: Message[] = [];
  for (const object of inventory.gateways) {
    const selector = object.spec.selector ?? {};
    const pods = inventory.pods.filter((pod) => matchesLabels(pod.metadata.labels, selector));
    if (Object.keys(selector).length > 0 && pods.length === 0) {
      messages.push(
        message('IST0101', object, 'spec.selector', `Referenced selector not found: "${formatLabels(selector)}"`),
      );
    }
    const namespaces = new Set(pods.map((pod) => pod.metadata.namespace));
    for (const [index, server] of (object.spec.servers ?? []).entries()) {
      const name = server.tls?.credentialName;
      if (!name || name.includes('://')) continue;
      const found = inventory
        .ofKind('Secret')
        .some((secret) => secret.metadata.name === name && namespaces.has(secret.metadata.namespace));
      if (!found && pods.length > 0) {
        messages.push(
          message(
            'IST0101',
            object,
            `spec.servers[${index}].tls.credentialName`,
            `Referenced credentialName not found: "${name}"`,
          ),
        );
      }
    }
  }
  return messages;
}

/** Same selector, port, bind address and host in two Gateways: the newer one loses. */
export function analyseConflictingGateways(inventory: Inventory): Message[] {
  const owners = new Map<
    string,
    { gateway: Inventory['gateways'][number]; port: number; hosts: readonly string[] }[]
  >();
  for (const gateway of inventory.gateways) {
    for (const server of gateway.spec.servers ?? []) {
      if (typeof server.port?.number !== 'number') continue;
      const key = `${formatLabels(gateway.spec.selector ?? {})} ${server.port.number} ${server.bind ?? ''}`;
      const list = owners.get(key) ?? [];
      list.push({ gateway, port: server.port.number, hosts: (server.hosts ?? []).map(withoutScope) });
      owners.set(key, list);
    }
  }
  const messages: Message[] = [];
  for (const claims of owners.values()) {
    for (const claim of claims) {
      const rivals = claims.filter(
        (other) => other.gateway !== claim.gateway && other.hosts.some((host) => claim.hosts.includes(host)),
      );
      if (rivals.length === 0) continue;
      const names = [...new Set(rivals.map((each) => nameOf(each.gateway).split(' ')[1]))].sort().join(',');
      const selector = formatLabels(claim.gateway.spec.selector ?? {});
      messages.push(
        message(
          'IST0145',
          claim.gateway,
          'spec.servers',
          `Conflict with gateways ${names} (workload selector ${selector}, port ${claim.port}, hosts ${claim.hosts.join(',')}).`,
        ),
      );
    }
  }
  return messages;
}

/** Hosts of different namespaces do not conflict, those of all (`*`, none said) do. */
const withoutScope = (host: string): string => (host.startsWith('*/') ? host.slice(2) : host);
