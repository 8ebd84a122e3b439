// Applying manifests to any cluster: `new ApplySet(...)`, `apply`, `prune`, `waitReady`, `diagnose`, `removeSet`.
export { ApplySet, type ApplySetOptions, type Outcome } from './apply-set.ts';
export { type Diagnosis, diagnose, type Finding, formatDiagnosis } from './diagnose.ts';
export { PART_OF } from './ownership.ts';
export { isReady, needsWaiting, type Readiness } from './readiness.ts';
export { planRemoval, type RemoveOptions, type RemovePlan, removeSet } from './remove.ts';
export { nameOf, ResourceMap } from './resource-map.ts';
export { describePending, type WaitOptions, type WaitResult, waitReady } from './wait.ts';
