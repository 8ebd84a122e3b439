// All built-in kinds, in the order of discovery.
import { admissionRegistrationKinds } from './admissionregistration.ts';
import { appsKinds } from './apps.ts';
import { batchKinds } from './batch.ts';
import { coreKinds } from './core.ts';
import type { ResourceDefinition } from './definition.ts';
import { eventsKinds } from './events.ts';
import { rbacKinds } from './rbac.ts';
import {
  autoscalingKinds,
  coordinationKinds,
  crdKind,
  discoveryKinds,
  networkingKinds,
  policyKinds,
  schedulingKinds,
  storageKinds,
} from './smaller-groups.ts';

export const builtInKinds: readonly ResourceDefinition[] = [
  ...coreKinds,
  ...appsKinds,
  ...eventsKinds,
  ...autoscalingKinds,
  ...batchKinds,
  ...networkingKinds,
  ...policyKinds,
  ...rbacKinds,
  ...storageKinds,
  ...admissionRegistrationKinds,
  ...crdKind,
  ...schedulingKinds,
  ...coordinationKinds,
  ...discoveryKinds,
];
