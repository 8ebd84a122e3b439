// Who calls: services by their identity, whole namespaces, or a principal as it is.
import { DEFAULT_TRUST_DOMAIN, SYSTEM_NAMESPACE } from '#api/names.ts';
import { ServiceReference } from '../workload/mesh-service.ts';

/** A service of the mesh, every workload of a namespace, an identity, or the ingress gateway. */
export type Caller =
  | ServiceReference
  | { readonly namespace: string }
  | { readonly principal: string }
  | 'ingress-gateway';

/** The sources of an AuthorizationPolicy rule. `cluster.local` stands for the mesh's own trust domain, whatever its name. */
export function toSources(callers: readonly Caller[]): { source: Record<string, string[]> }[] {
  const principals: string[] = [];
  const namespaces: string[] = [];
  for (const caller of callers) {
    if (caller === 'ingress-gateway') {
      principals.push(principalOf(SYSTEM_NAMESPACE, 'istio-ingressgateway-service-account'));
    } else if (caller instanceof ServiceReference) {
      principals.push(principalOf(caller.namespace, caller.serviceAccountName));
    } else if ('principal' in caller) {
      principals.push((caller as { principal: string }).principal.replace(/^spiffe:\/\//, ''));
    } else {
      namespaces.push(caller.namespace);
    }
  }
  return [
    ...(namespaces.length > 0 ? [{ source: { namespaces: unique(namespaces) } }] : []),
    ...(principals.length > 0 ? [{ source: { principals: unique(principals) } }] : []),
  ];
}

const principalOf = (namespace: string, serviceAccount: string): string =>
  `${DEFAULT_TRUST_DOMAIN}/ns/${namespace}/sa/${serviceAccount}`;

const unique = (values: readonly string[]): string[] => [...new Set(values)].sort();
