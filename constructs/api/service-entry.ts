// ServiceEntry: the kind. Its schema and types are in service-entry-spec.ts, its rules across fields in service-entry-rules.ts.
import { defineKind } from './kind.ts';
import { checkServiceEntry } from './service-entry-rules.ts';
import { type ServiceEntrySpec, serviceEntrySpec, serviceEntryStatus } from './service-entry-spec.ts';

export type * from './service-entry-spec.ts';

/** @see https://istio.io/latest/docs/reference/config/networking/service-entry/ */
export const serviceEntry = defineKind<ServiceEntrySpec>({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'ServiceEntry',
  plural: 'serviceentries',
  shortNames: ['se'],
  columns: [
    { name: 'Hosts', type: 'string', jsonPath: '.spec.hosts', description: 'The host names of the service' },
    {
      name: 'Location',
      type: 'string',
      jsonPath: '.spec.location',
      description: 'Whether the service is part of the mesh',
    },
    { name: 'Resolution', type: 'string', jsonPath: '.spec.resolution', description: 'How endpoints are found' },
  ],
  spec: serviceEntrySpec,
  status: serviceEntryStatus,
  specRequired: true,
  rules: checkServiceEntry,
});
