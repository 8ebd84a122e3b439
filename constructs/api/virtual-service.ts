// VirtualService: the kind. Its schema and types are in virtual-service-spec.ts, its rules across fields in virtual-service-rules.ts.
import { defineKind } from './kind.ts';
import { checkVirtualService } from './virtual-service-rules.ts';
import { type VirtualServiceSpec, virtualServiceSpec } from './virtual-service-spec.ts';

export type * from './virtual-service-spec.ts';

/** @see https://istio.io/latest/docs/reference/config/networking/virtual-service/ */
export const virtualService = defineKind<VirtualServiceSpec>({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'VirtualService',
  plural: 'virtualservices',
  shortNames: ['vs'],
  columns: [
    {
      name: 'Gateways',
      type: 'string',
      jsonPath: '.spec.gateways',
      description: 'The gateways and sidecars to which the rules apply',
    },
    { name: 'Hosts', type: 'string', jsonPath: '.spec.hosts', description: 'The hosts to which the rules apply' },
  ],
  spec: virtualServiceSpec,
  rules: checkVirtualService,
});
