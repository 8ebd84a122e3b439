// Sidecar: the kind. Its schema and types are in sidecar-spec.ts, its rules across fields in sidecar-rules.ts.
import { defineKind } from './kind.ts';
import { checkSidecar } from './sidecar-rules.ts';
import { type SidecarSpec, sidecarSpec } from './sidecar-spec.ts';

export type * from './sidecar-spec.ts';

/** @see https://istio.io/latest/docs/reference/config/networking/sidecar/ */
export const sidecar = defineKind<SidecarSpec>({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Sidecar',
  plural: 'sidecars',
  spec: sidecarSpec,
  rules: checkSidecar,
});
