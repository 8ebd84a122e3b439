// What admission sees of a write, and the order of its plugins: those that change objects first, then those that judge.
import type { ResourceDefinition } from '../kinds/definition.ts';
import type { ApiObject } from '../object.ts';
import type { ApiRequest } from './request.ts';

export interface AdmissionAttributes {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly object: ApiObject | undefined;
  readonly before: ApiObject | undefined;
  readonly dryRun: boolean;
  readonly request: ApiRequest;
}

export interface Admission {
  /** The object as changed by mutating plugins. */
  mutate(attributes: AdmissionAttributes): Promise<ApiObject | undefined>;
  /** @throws ApiError where a plugin refuses. */
  validate(attributes: AdmissionAttributes): Promise<void>;
}
