// VirtualServices against the rest: gateways, hosts, subsets, ports, and hosts that several of them define.
import { expandHost } from '#api/names.ts';
import { nearestName } from '#api/problem.ts';
import type { Destination, VirtualServiceSpec } from '#api/virtual-service.ts';
import { findHost, type Inventory, type Typed } from './inventory.ts';
import { type Message, message, nameOf } from './message.ts';

type VirtualService = Typed<VirtualServiceSpec>;

interface Use {
  readonly destination: Destination;
  readonly path: string;
  readonly mirror: boolean;
}

/** Every destination of a VirtualService, with its field. Objects of wrong shape are schema's business. */
function destinationsOf(spec: VirtualServiceSpec): Use[] {
  const uses: Use[] = [];
  const add = (destination: Destination | undefined, path: string, mirror = false): void => {
    if (typeof destination?.host === 'string') uses.push({ destination, path, mirror });
  };
  for (const [index, route] of (spec.http ?? []).entries()) {
    for (const [number, each] of (route.route ?? []).entries())
      add(each.destination, `spec.http[${index}].route[${number}].destination`);
    add(route.mirror, `spec.http[${index}].mirror`, true);
    for (const [number, each] of (route.mirrors ?? []).entries())
      add(each.destination, `spec.http[${index}].mirrors[${number}].destination`, true);
  }
  for (const kind of ['tls', 'tcp'] as const) {
    for (const [index, route] of (spec[kind] ?? []).entries()) {
      for (const [number, each] of (route.route ?? []).entries())
        add(each.destination, `spec.${kind}[${index}].route[${number}].destination`);
    }
  }
  return uses;
}

export function analyseDestinations(inventory: Inventory): Message[] {
  const messages: Message[] = [];
  for (const object of inventory.virtualServices) {
    const namespace = object.metadata.namespace ?? '';
    for (const { destination, path, mirror } of destinationsOf(object.spec)) {
      const known = findHost(inventory, destination.host, namespace);
      if (!known) {
        const short = [...inventory.hosts.values()]
          .flat()
          .filter((each) => each.namespace === namespace && each.service);
        const nearest = nearestName(
          destination.host,
          short.map((each) => each.service!.metadata.name ?? ''),
        );
        const hint = nearest ? ` (did you mean ${nearest}?)` : '';
        messages.push(
          message(
            'IST0101',
            object,
            `${path}.host`,
            `Referenced ${mirror ? 'mirror host' : 'host'} not found: "${destination.host}"${hint}`,
          ),
        );
        continue;
      }
      if (!destination.port && known.ports.length > 1) {
        messages.push(
          message(
            'IST0112',
            object,
            `${path}.port`,
            `This VirtualService routes to a host "${destination.host}" that exposes multiple ports [${known.ports.join(' ')}]. Specifying a port in the destination is required to disambiguate.`,
          ),
        );
      }
    }
  }
  return messages;
}

export function analyseSubsets(inventory: Inventory): Message[] {
  const subsets = new Map<string, Set<string>>();
  for (const rule of inventory.destinationRules) {
    if (typeof rule.spec.host !== 'string') continue;
    const host = expandHost(rule.spec.host, rule.metadata.namespace ?? '', inventory.domainSuffix);
    const names = subsets.get(host) ?? new Set();
    for (const subset of rule.spec.subsets ?? []) names.add(subset.name);
    subsets.set(host, names);
  }
  const messages: Message[] = [];
  for (const object of inventory.virtualServices) {
    for (const { destination, path } of destinationsOf(object.spec)) {
      if (!destination.subset) continue;
      const host = expandHost(destination.host, object.metadata.namespace ?? '', inventory.domainSuffix);
      const names = new Set<string>();
      for (const [known, list] of subsets) {
        if (known === host || (known.startsWith('*') && host.endsWith(known.slice(1))))
          for (const name of list) names.add(name);
      }
      if (names.has(destination.subset)) continue;
      const nearest = nearestName(destination.subset, names) ?? (names.size === 1 ? [...names][0] : undefined);
      const hint = nearest
        ? ` (did you mean ${nearest}?)`
        : names.size > 0
          ? ` (known: ${[...names].sort().join(', ')})`
          : '';
      messages.push(
        message(
          'IST0101',
          object,
          `${path}.subset`,
          `Referenced host+subset in destinationrule not found: "${destination.host}+${destination.subset}"${hint}`,
        ),
      );
    }
  }
  return messages;
}

/** `<namespace>/<name>` of a reference, or undefined for `mesh`. */
export function gatewayKey(reference: string, namespace: string): string | undefined {
  if (reference === 'mesh') return undefined;
  if (reference.includes('/')) return reference;
  const parts = reference.split('.');
  return parts.length > 1 ? `${parts[1]}/${parts[0]}` : `${namespace}/${reference}`;
}

export function analyseGatewayReferences(inventory: Inventory): Message[] {
  const gateways = new Map(
    inventory.gateways.map((each) => [`${each.metadata.namespace}/${each.metadata.name}`, each]),
  );
  const messages: Message[] = [];
  for (const object of inventory.virtualServices) {
    const namespace = object.metadata.namespace ?? '';
    for (const [index, reference] of (object.spec.gateways ?? []).entries()) {
      const key = gatewayKey(reference, namespace);
      if (key === undefined) continue;
      const gateway = gateways.get(key);
      if (!gateway) {
        const nearest = nearestName(key, gateways.keys());
        messages.push(
          message(
            'IST0101',
            object,
            `spec.gateways[${index}]`,
            `Referenced gateway not found: "${reference}"${nearest ? ` (did you mean ${nearest}?)` : ''}`,
          ),
        );
        continue;
      }
      for (const [number, host] of (object.spec.hosts ?? []).entries()) {
        if (!servedBy(gateway, host, namespace)) {
          messages.push(
            message(
              'IST0132',
              object,
              `spec.hosts[${number}]`,
              `one or more host ["${host}"] defined in VirtualService ${nameOf(object).split(' ')[1]} not found in Gateway ${key}.`,
            ),
          );
        }
      }
    }
  }
  return messages;
}

function servedBy(gateway: Inventory['gateways'][number], host: string, namespace: string): boolean {
  return (gateway.spec.servers ?? []).some((server) =>
    (server.hosts ?? []).some((entry) => {
      const slash = entry.indexOf('/');
      const of = slash < 0 ? '*' : entry.slice(0, slash);
      const served = entry.slice(slash + 1);
      const visible = of === '*' || of === namespace || (of === '.' && namespace === gateway.metadata.namespace);
      if (!visible) return false;
      if (served.startsWith('*'))
        return host.endsWith(served.slice(1)) || (host.startsWith('*') && served.endsWith(host.slice(1)));
      return host.startsWith('*') ? served.endsWith(host.slice(1)) : host === served;
    }),
  );
}

/** Two VirtualServices of one host for sidecars: only the first one counts, so which one is an accident. */
export function analyseConflictingHosts(inventory: Inventory): Message[] {
  const byHost = new Map<string, VirtualService[]>();
  for (const object of inventory.virtualServices) {
    const gateways = object.spec.gateways ?? [];
    if (gateways.length > 0 && !gateways.includes('mesh')) continue;
    for (const host of object.spec.hosts ?? []) {
      const full = expandHost(host, object.metadata.namespace ?? '', inventory.domainSuffix);
      const list = byHost.get(full) ?? [];
      list.push(object);
      byHost.set(full, list);
    }
  }
  const messages: Message[] = [];
  for (const [host, objects] of byHost) {
    for (const object of objects) {
      const rivals = objects.filter((other) => other !== object && seenTogether(object, other));
      if (rivals.length === 0) continue;
      const names = [object, ...rivals]
        .map((each) => nameOf(each).split(' ')[1])
        .sort()
        .join(',');
      messages.push(
        message(
          'IST0109',
          object,
          'spec.hosts',
          `The VirtualServices ${names} associated with mesh gateway define the same host ${host} which can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into a single resource.`,
        ),
      );
    }
  }
  return messages;
}

/** Whether some namespace sees both. */
function seenTogether(a: VirtualService, b: VirtualService): boolean {
  const visible = (object: VirtualService): readonly string[] => {
    const exportTo = object.spec.exportTo ?? [];
    return exportTo.length === 0
      ? ['*']
      : exportTo.map((each) => (each === '.' ? (object.metadata.namespace ?? '') : each));
  };
  const left = visible(a);
  const right = visible(b);
  return left.some((each) => each === '*' || right.includes(each)) || right.includes('*');
}
