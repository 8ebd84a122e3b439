// What all routes of a service have in common: which service, and where among its other routes.
import type { Construct } from 'constructs';
import type { ServiceReference } from '../workload/mesh-service.ts';

export interface RouteProps<Version extends string> {
  /** The service whose requests are routed; its versions are the only ones that can be named. */
  readonly service: ServiceReference<Version>;
  /** Routes of the same service that this one precedes, against the order of precedence. @default none */
  readonly before?: Construct | readonly Construct[] | undefined;
  /** Routes of the same service that this one follows. @default none */
  readonly after?: Construct | readonly Construct[] | undefined;
}

export const toList = (value: Construct | readonly Construct[] | undefined): readonly Construct[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly Construct[]) : [value as Construct];

export const orderOf = (props: RouteProps<string>): { before: readonly Construct[]; after: readonly Construct[] } => ({
  before: toList(props.before),
  after: toList(props.after),
});
