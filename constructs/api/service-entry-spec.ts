// ServiceEntry: schema and types; the endpoint's is WorkloadEntry's.
import { array, intOrString, map, object, oneOf, string, type TypeOf, uint32 } from './schema.ts';
import { istioStatusFields } from './status.ts';

const validPort = {
  'x-kubernetes-validations': [{ message: 'port must be between 1-65535', rule: '0 < self && self <= 65535' }],
};

export const labelSelector = object('Workloads of the namespace.', {
  labels: map(
    'Labels that a workload must have, all of them.',
    string('Value of the label.', {
      maxLength: 63,
      'x-kubernetes-validations': [{ message: 'wildcard is not supported in selector', rule: '!self.contains("*")' }],
    }),
    { maxProperties: 256 },
  ),
});

export const workloadEntry = object(
  'One endpoint.',
  {
    address: string('Address, host name or `unix://` path, without port.', {
      maxLength: 256,
      'x-kubernetes-validations': [
        {
          message: 'UDS must be an absolute path or abstract socket',
          rule: 'self.startsWith("unix://") ? (self.substring(7, 8) == "/" || self.substring(7, 8) == "@") : true',
        },
        { message: 'UDS may not be a dir', rule: 'self.startsWith("unix://") ? !self.endsWith("/") : true' },
      ],
    }),
    labels: map('Labels of the endpoint.', string('Value of the label.'), { maxProperties: 256 }),
    locality: string('`region/zone/subzone`.', { maxLength: 2048 }),
    network: string('Network of the endpoint.', { maxLength: 2048 }),
    ports: map('Port of the endpoint, by name of the port of the service.', uint32('Number of the port.', validPort), {
      maxProperties: 128,
      'x-kubernetes-validations': [
        {
          message: 'port name must be valid',
          rule: 'self.all(key, size(key) < 63 && key.matches("^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$"))',
        },
      ],
    }),
    serviceAccount: string('Service account of the workload.', { maxLength: 253 }),
    weight: uint32('Share of the traffic among endpoints of one place.'),
  },
  {
    rules: [
      { message: 'Address is required', rule: 'has(self.address) || has(self.network)' },
      {
        message: 'UDS may not include ports',
        rule: '(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true',
      },
    ],
  },
);

const servicePort = object(
  'A port of the service.',
  {
    name: string('Name of the port.', { maxLength: 256 }),
    number: uint32('Number of the port.', validPort),
    protocol: string('HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.', { maxLength: 256 }),
    targetPort: uint32('Port of the endpoints, default the number.', validPort),
  },
  { required: ['number', 'name'] },
);

export const serviceEntrySpec = object(
  'A service that Kubernetes does not know.',
  {
    addresses: array('Virtual addresses or CIDRs of the service.', string('Address or CIDR.', { maxLength: 64 }), {
      maxItems: 256,
    }),
    endpoints: array('Endpoints of the service.', workloadEntry, { maxItems: 4096 }),
    exportTo: array('Namespaces that see the service; default all.', string('Namespace, `.`, `*` or `~`.')),
    hosts: array(
      'Host names of the service.',
      string('Host name, may begin with `*.`.', {
        'x-kubernetes-validations': [{ message: 'hostname cannot be wildcard', rule: 'self != "*"' }],
      }),
      { minItems: 1, maxItems: 256 },
    ),
    location: oneOf('Whether the service is part of the mesh.', ['MESH_EXTERNAL', 'MESH_INTERNAL']),
    ports: array('Ports of the service.', servicePort, {
      maxItems: 256,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-validations': [
        {
          message: 'port number cannot be duplicated',
          rule: 'self.all(l1, self.exists_one(l2, l1.number == l2.number))',
        },
      ],
    }),
    resolution: oneOf('How endpoints are found.', ['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']),
    subjectAltNames: array('Names of which the certificate of the service must hold one.', string('Name.')),
    workloadSelector: labelSelector,
  },
  {
    required: ['hosts'],
    rules: [
      {
        message: 'only one of WorkloadSelector or Endpoints can be set',
        rule: '(has(self.workloadSelector) ? 1 : 0) + (has(self.endpoints) ? 1 : 0) <= 1',
      },
      {
        message: 'CIDR addresses are allowed only for NONE/STATIC resolution types',
        rule: '!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && !((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))',
      },
      {
        message: 'NONE mode cannot set endpoints',
        rule: '((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true',
      },
      {
        message: 'DNS_ROUND_ROBIN mode cannot have multiple endpoints',
        rule: '((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? ((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true',
      },
    ],
  },
);

export const serviceEntryStatus = object(
  'What the control plane says about the service.',
  {
    ...istioStatusFields,
    addresses: array(
      'Addresses that the control plane gave the service.',
      object('An address.', { host: string('Host that it belongs to.'), value: string('The address.') }),
    ),
    observedGeneration: intOrString('Generation of the resource that this status is about.'),
  },
  { preserveUnknown: true },
);

export type ServiceEntrySpec = TypeOf<typeof serviceEntrySpec>;
export type WorkloadEntrySpec = TypeOf<typeof workloadEntry>;
export type ServiceEntryPort = TypeOf<typeof servicePort>;
