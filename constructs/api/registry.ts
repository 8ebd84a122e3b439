// The only list of kinds. Synthesis, admission, analysis, CRD installation and ingestion all read it.
import { authorizationPolicy } from './authorization-policy.ts';
import type { KindDefinition } from './definition.ts';
import { destinationRule } from './destination-rule.ts';
import { gateway } from './gateway.ts';
import { peerAuthentication } from './peer-authentication.ts';
import { requestAuthentication } from './request-authentication.ts';
import { serviceEntry } from './service-entry.ts';
import { sidecar } from './sidecar.ts';
import { virtualService } from './virtual-service.ts';

/** Every kind we define, in the order in which their CRDs are written. */
export const kinds: readonly KindDefinition[] = [
  virtualService,
  destinationRule,
  gateway,
  serviceEntry,
  sidecar,
  authorizationPolicy,
  peerAuthentication,
  requestAuthentication,
];

/** The definition of a group and kind, whatever the version; undefined where the kind is not ours. */
export const tryKind = (group: string, kind: string): KindDefinition | undefined =>
  kinds.find((each) => each.group === group && each.kind === kind);

/** The definition behind `networking.istio.io/v1` and `VirtualService`; undefined for unknown kinds and versions not served. */
export function tryKindOf(apiVersion: string, kind: string): KindDefinition | undefined {
  const slash = apiVersion.indexOf('/');
  const found = tryKind(slash < 0 ? '' : apiVersion.slice(0, slash), kind);
  return found?.versions.includes(apiVersion.slice(slash + 1)) ? found : undefined;
}
