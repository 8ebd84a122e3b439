// Services: defaults, validation and table. Addresses and node ports are given out by allocation.ts.
import type { FieldProblems } from '../field-problems.ts';
import { type ApiObject, at, ensureFields, isFields, list, num, rec, recs, str } from '../object.ts';
import { ageColumn, column, nameColumn, selectorText, wide } from './columns.ts';
import type { KindRules } from './definition.ts';
import { labelMessage, labelName } from './pod-rules.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

function externalText(service: ApiObject): string {
  const spec = rec(service['spec']);
  const external = list(spec['externalIPs']).map(String);
  const type = str(spec['type']);
  if (type === 'ExternalName') return str(spec['externalName']);
  if (type === 'LoadBalancer') {
    const ingress = recs(at(service, 'status', 'loadBalancer', 'ingress')).map(
      (item) => str(item['ip']) || str(item['hostname']),
    );
    const all = [...ingress, ...external];
    return all.length === 0 ? '<pending>' : all.join(',');
  }
  return external.length === 0 ? '<none>' : external.join(',');
}

function portsText(service: ApiObject): string {
  const ports = recs(at(service, 'spec', 'ports')).map((port) => {
    const node = num(port['nodePort']);
    return `${num(port['port'])}${node > 0 ? `:${node}` : ''}/${str(port['protocol'])}`;
  });
  return ports.length === 0 ? '<none>' : ports.join(',');
}

function validate(service: ApiObject, problems: FieldProblems): void {
  const spec = rec(service['spec']);
  const type = str(spec['type']);
  if (!types.includes(type)) problems.notSupported('spec.type', type, types);
  const ports = recs(spec['ports']);
  if (ports.length === 0 && spec['clusterIP'] !== 'None' && type !== 'ExternalName') problems.required('spec.ports');
  if (type === 'ExternalName' && str(spec['externalName']) === '') problems.required('spec.externalName');
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`;
    const name = str(port['name']);
    if (name === '') {
      if (ports.length > 1) problems.required(`${path}.name`);
    } else if (!labelName.test(name)) problems.invalid(`${path}.name`, name, labelMessage);
    else if (names.has(name)) problems.duplicate(`${path}.name`, name);
    names.add(name);
    const number = num(port['port']);
    if (number < 1 || number > 65535)
      problems.invalid(`${path}.port`, number, 'must be between 1 and 65535, inclusive');
    const protocol = str(port['protocol']);
    if (!['SCTP', 'TCP', 'UDP'].includes(protocol))
      problems.notSupported(`${path}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']);
    const target = port['targetPort'];
    if (typeof target === 'number' && (target < 1 || target > 65535))
      problems.invalid(`${path}.targetPort`, target, 'must be between 1 and 65535, inclusive');
  }
}

export const serviceRules: KindRules = {
  nameRule: 'label1035',
  defaults(service) {
    const spec = ensureFields(service, 'spec');
    if (str(spec['sessionAffinity']) === '') spec['sessionAffinity'] = 'None';
    if (str(spec['type']) === '') spec['type'] = 'ClusterIP';
    for (const port of recs(spec['ports'])) {
      if (str(port['protocol']) === '') port['protocol'] = 'TCP';
      if (port['targetPort'] === undefined || port['targetPort'] === 0 || port['targetPort'] === '')
        port['targetPort'] = port['port'];
    }
    if (spec['sessionAffinity'] === 'ClientIP' && !isFields(spec['sessionAffinityConfig']))
      spec['sessionAffinityConfig'] = { clientIP: { timeoutSeconds: 10800 } };
    if (spec['type'] !== 'ExternalName' && spec['internalTrafficPolicy'] === undefined)
      spec['internalTrafficPolicy'] = 'Cluster';
    if (spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer') {
      if (str(spec['externalTrafficPolicy']) === '') spec['externalTrafficPolicy'] = 'Cluster';
    } else delete spec['externalTrafficPolicy'];
    if (spec['type'] === 'LoadBalancer') spec['allocateLoadBalancerNodePorts'] ??= true;
    else delete spec['allocateLoadBalancerNodePorts'];
  },
  prepareCreate(service) {
    service['status'] = { loadBalancer: {} };
  },
  validate,
  columns: [
    nameColumn,
    column('Type', (service) => str(at(service, 'spec', 'type'))),
    column('Cluster-IP', (service) => str(at(service, 'spec', 'clusterIP')) || '<none>'),
    column('External-IP', externalText),
    column('Port(s)', portsText),
    ageColumn,
    wide('Selector', (service) => selectorText(at(service, 'spec', 'selector'))),
  ],
  selectable: {
    'spec.clusterIP': (service) => str(at(service, 'spec', 'clusterIP')),
    'spec.type': (service) => str(at(service, 'spec', 'type')),
  },
};
