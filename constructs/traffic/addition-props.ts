// What constructs that change existing routes have in common: the service, and which of its routes.
import type { Construct } from 'constructs';
import type { ServiceReference } from '../workload/mesh-service.ts';

export interface AdditionProps<Version extends string = string> {
  readonly service: ServiceReference<Version>;
  /** Only these routes of the service, such as a CanaryRelease. @default all of them */
  readonly routes?: readonly Construct[] | undefined;
}
