// What the names of the cluster mean: services, headless ones with their pods, named ports, external names, addresses.
// @see https://github.com/kubernetes/dns/blob/master/docs/specification.md
import type { EndpointSlice, Service } from '../pod-types.ts';
import { type Answer, type Question, RCODE, type Reply, TYPE } from './message.ts';

export interface Zone {
  readonly domain: string;
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
  /** The service that has an address, for reverse look-ups. */
  serviceAt(address: string): Service | undefined;
}

const nothing: Reply = { rcode: RCODE.noError, answers: [] };
const noName: Reply = { rcode: RCODE.nameError, answers: [] };

export function resolve(question: Question, zone: Zone): Reply {
  if (question.class !== 1) return { rcode: RCODE.notImplemented, answers: [] };
  const reverse = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(question.name);
  if (reverse) return resolveReverse(question, zone, reverse.slice(1, 5).reverse().join('.'));
  const suffix = `.svc.${zone.domain}`;
  if (question.name === zone.domain || question.name === `svc.${zone.domain}`) return nothing;
  // Nothing outside of the cluster is answered: there is no forwarder, by design.
  if (!question.name.endsWith(suffix))
    return question.name.endsWith(`.${zone.domain}`) ? noName : { rcode: RCODE.nameError, answers: [] };
  const labels = question.name.slice(0, -suffix.length).split('.');
  const namespace = labels.at(-1)!;
  if (labels.length === 1) return nothing;
  const service = zone.service(namespace, labels.at(-2)!);
  if (!service) return noName;
  const rest = labels.slice(0, -2);
  const spec = service.spec ?? {};
  if (spec.type === 'ExternalName') return rest.length > 0 ? noName : external(question, spec.externalName ?? '', zone);
  if (rest.length === 0) return addresses(question, service, zone);
  if (rest.length === 2 && rest[0]!.startsWith('_') && rest[1]!.startsWith('_'))
    return namedPort(question, service, rest[0]!.slice(1), rest[1]!.slice(1), zone);
  if (rest.length === 1 && spec.clusterIP === 'None') return podOf(question, service, rest[0]!, zone);
  return noName;
}

const wants = (question: Question, type: number): boolean => question.type === type || question.type === TYPE.ANY;

function addresses(question: Question, service: Service, zone: Zone): Reply {
  const { clusterIP } = service.spec ?? {};
  if (clusterIP !== 'None') {
    if (!clusterIP || !wants(question, TYPE.A)) return nothing;
    return { rcode: RCODE.noError, answers: [{ type: 'A', name: question.name, address: clusterIP }] };
  }
  const found = members(service, zone);
  if (found.length === 0) return noName;
  return {
    rcode: RCODE.noError,
    answers: wants(question, TYPE.A) ? found.map(({ address }) => ({ type: 'A', name: question.name, address })) : [],
  };
}

interface Member {
  readonly address: string;
  readonly hostname: string;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
}

function members(service: Service, zone: Zone): Member[] {
  const found = new Map<string, Member>();
  for (const slice of zone.slices(service.metadata.namespace ?? '', service.metadata.name)) {
    const ports = (slice.ports ?? []).flatMap((it) =>
      it.port === undefined
        ? []
        : [{ name: it.name ?? '', port: it.port, protocol: (it.protocol ?? 'TCP').toLowerCase() }],
    );
    for (const endpoint of slice.endpoints ?? []) {
      if (!(endpoint.conditions?.ready ?? true) && service.spec?.publishNotReadyAddresses !== true) continue;
      for (const address of endpoint.addresses ?? [])
        found.set(address, { address, hostname: endpoint.hostname ?? address.replaceAll('.', '-'), ports });
    }
  }
  return [...found.values()];
}

function podOf(question: Question, service: Service, hostname: string, zone: Zone): Reply {
  const found = members(service, zone).filter((it) => it.hostname === hostname);
  if (found.length === 0) return noName;
  return {
    rcode: RCODE.noError,
    answers: wants(question, TYPE.A) ? found.map(({ address }) => ({ type: 'A', name: question.name, address })) : [],
  };
}

function namedPort(question: Question, service: Service, port: string, protocol: string, zone: Zone): Reply {
  const full = `${service.metadata.name}.${service.metadata.namespace}.svc.${zone.domain}`;
  const answers: Answer[] = [];
  const additional: Answer[] = [];
  if (service.spec?.clusterIP !== 'None') {
    for (const it of service.spec?.ports ?? [])
      if (it.name === port && (it.protocol ?? 'TCP').toLowerCase() === protocol)
        answers.push({ type: 'SRV', name: question.name, port: it.port, target: full });
  } else {
    for (const member of members(service, zone)) {
      for (const it of member.ports) {
        if (it.name !== port || it.protocol !== protocol) continue;
        const target = `${member.hostname}.${full}`;
        answers.push({ type: 'SRV', name: question.name, port: it.port, target });
        additional.push({ type: 'A', name: target, address: member.address });
      }
    }
  }
  if (answers.length === 0) return noName;
  return wants(question, TYPE.SRV) ? { rcode: RCODE.noError, answers, additional } : nothing;
}

function external(question: Question, target: string, zone: Zone): Reply {
  const name = target.replace(/\.$/, '').toLowerCase();
  const alias: Answer = { type: 'CNAME', name: question.name, target: name };
  if (question.type === TYPE.CNAME || !name.endsWith(`.svc.${zone.domain}`))
    return { rcode: RCODE.noError, answers: [alias] };
  const further = resolve(
    { ...question, name },
    { ...zone, service: (namespace, service) => guardAlias(zone.service(namespace, service)) },
  );
  return { rcode: RCODE.noError, answers: [alias, ...further.answers] };
}

/** An alias of an alias is not followed: they may go in circles. */
const guardAlias = (service: Service | undefined): Service | undefined =>
  service?.spec?.type === 'ExternalName' ? undefined : service;

function resolveReverse(question: Question, zone: Zone, address: string): Reply {
  const service = zone.serviceAt(address);
  if (!service) return noName;
  const target = `${service.metadata.name}.${service.metadata.namespace}.svc.${zone.domain}`;
  return {
    rcode: RCODE.noError,
    answers: wants(question, TYPE.PTR) ? [{ type: 'PTR', name: question.name, target }] : [],
  };
}
