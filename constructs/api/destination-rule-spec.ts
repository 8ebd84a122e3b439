// DestinationRule: the subsets of a service and how clients treat it.
import { array, map, object, string, type TypeOf } from './schema.ts';
import { workloadSelector } from './selector.ts';
import { trafficPolicy } from './traffic-policy.ts';

const subset = object(
  'Endpoints of the service that share labels, such as a version.',
  {
    labels: map('Labels that an endpoint must have.', string('Value of the label.')),
    name: string('Name by which routes refer to the subset.'),
    trafficPolicy,
  },
  { required: ['name'] },
);

export const destinationRuleSpec = object(
  'Subsets and client-side policy of a host.',
  {
    exportTo: array('Namespaces that see the resource; default all.', string('Namespace, `.` or `*`.')),
    host: string('Service that the rule is for; may begin with `*`.'),
    subsets: array('Named parts of the service.', subset),
    trafficPolicy,
    workloadSelector,
  },
  { required: ['host'] },
);

export type DestinationRuleSpec = TypeOf<typeof destinationRuleSpec>;
export type Subset = TypeOf<typeof subset>;
export type {
  ClientTls,
  ConnectionPool,
  LoadBalancer,
  OutlierDetection,
  PortTrafficPolicy,
  TrafficPolicy,
} from './traffic-policy.ts';
