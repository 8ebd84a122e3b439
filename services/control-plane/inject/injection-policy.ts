// Whether a pod that the webhook was asked about gets a proxy, in upstream's order (pkg/kube/inject/inject.go).
import { Annotation, IGNORED_NAMESPACES, Label } from '#api/names.ts';
import type { InjectionConfig, LabelSelector } from './injection-config.ts';
import type { Pod } from './pod.ts';

/** Why a pod gets none, or undefined when it gets one. */
export function whyNotInjected(pod: Pod, namespace: string, config: InjectionConfig): string | undefined {
  if (pod.spec.hostNetwork === true) return 'it uses the host network';
  if (IGNORED_NAMESPACES.includes(namespace)) return `namespace ${namespace} is never injected`;
  if (isAlreadyInjected(pod)) return 'it is injected already';
  const { labels = {}, annotations = {} } = pod.metadata;
  switch (labels[Label.inject] ?? annotations[Label.inject]) {
    case 'true':
      return undefined;
    case 'false':
      return `${Label.inject} is false`;
    default:
  }
  if (config.neverInjectSelector.some((selector) => matches(selector, labels))) return 'neverInjectSelector matches it';
  if (config.alwaysInjectSelector.some((selector) => matches(selector, labels))) return undefined;
  return config.policy === 'enabled' ? undefined : 'the policy is disabled and nothing asks for injection';
}

function isAlreadyInjected(pod: Pod): boolean {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return (
    pod.metadata.annotations?.[Annotation.sidecarStatus] !== undefined &&
    containers.some(({ name }) => name === 'istio-proxy')
  );
}

function matches(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  const isEmpty = Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
  if (isEmpty) return false;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    })
  );
}
