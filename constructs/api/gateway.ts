// Gateway: the kind. Its schema and types are in gateway-spec.ts, its rules across fields in gateway-rules.ts.
import { defineKind } from './kind.ts';
import { checkGateway } from './gateway-rules.ts';
import { type GatewaySpec, gatewaySpec } from './gateway-spec.ts';

export type * from './gateway-spec.ts';

/** @see https://istio.io/latest/docs/reference/config/networking/gateway/ */
export const gateway = defineKind<GatewaySpec>({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Gateway',
  plural: 'gateways',
  shortNames: ['gw'],
  spec: gatewaySpec,
  rules: checkGateway,
});
