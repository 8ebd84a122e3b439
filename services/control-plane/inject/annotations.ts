// Annotations that steer injection, checked before they reach command lines: a bad value fails the pod with its name.
import { isIPv4, isIPv6 } from 'node:net';
import type { Problem } from '#api/problem.ts';
import { Annotation } from '#api/names.ts';

type Check = (value: string) => string | undefined;

const isPort: Check = (value) =>
  /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? undefined : 'a port (0 to 65535) is expected';
const isBoolean: Check = (value) => (/^(?:1|t|true|0|f|false)$/i.test(value) ? undefined : 'true or false is expected');
const isQuantity: Check = (value) =>
  /^\d+(?:\.\d+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.test(value) ? undefined : 'a quantity like 100m or 128Mi is expected';
const isNumber: Check = (value) => (/^\d{1,9}$/.test(value) ? undefined : 'a whole number is expected');
const isOneOf =
  (...allowed: readonly string[]): Check =>
  (value) =>
    allowed.includes(value) ? undefined : `one of ${allowed.join(', ')} is expected`;
const all =
  (check: Check, wildcard: boolean): Check =>
  (value) => {
    if (value === '*') return wildcard ? undefined : '* is not allowed here';
    const parts = value.split(',').map((part) => part.trim());
    return parts.map((part) => (part === '' ? undefined : check(part))).find((problem) => problem !== undefined);
  };
const isRange: Check = (value) => {
  const [address = '', bits = '', ...rest] = value.split('/');
  const max = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= max
    ? undefined
    : 'ranges like 10.0.0.0/8 are expected';
};
const isInterface: Check = (value) =>
  /^[A-Za-z0-9_.:@-]{1,15}$/.test(value) ? undefined : 'names of network interfaces are expected';

const CHECKS: Readonly<Record<string, Check>> = {
  [Annotation.interceptionMode]: isOneOf('REDIRECT', 'NONE'),
  [Annotation.includeOutboundIpRanges]: all(isRange, true),
  [Annotation.excludeOutboundIpRanges]: all(isRange, false),
  [Annotation.includeInboundPorts]: all(isPort, true),
  [Annotation.excludeInboundPorts]: all(isPort, false),
  [Annotation.includeOutboundPorts]: all(isPort, false),
  [Annotation.excludeOutboundPorts]: all(isPort, false),
  [Annotation.excludeInterfaces]: all(isInterface, false),
  [Annotation.statusPort]: isPort,
  [Annotation.nativeSidecar]: isBoolean,
  [Annotation.rewriteAppProbers]: isBoolean,
  [Annotation.mergeMetrics]: isBoolean,
  [Annotation.proxyCpu]: isQuantity,
  [Annotation.proxyCpuLimit]: isQuantity,
  [Annotation.proxyMemory]: isQuantity,
  [Annotation.proxyMemoryLimit]: isQuantity,
  'readiness.status.sidecar.istio.io/initialDelaySeconds': isNumber,
  'readiness.status.sidecar.istio.io/periodSeconds': isNumber,
  'readiness.status.sidecar.istio.io/failureThreshold': isNumber,
};

/** Problems of a pod's annotations. */
export function annotationProblems(annotations: Readonly<Record<string, string>>): Problem[] {
  return Object.entries(annotations).flatMap(([name, value]): Problem[] => {
    const message = CHECKS[name]?.(value);
    if (message === undefined) return [];
    const hint =
      name === Annotation.interceptionMode && value === 'TPROXY'
        ? 'TPROXY is not supported yet; use REDIRECT'
        : undefined;
    return [
      {
        path: `metadata.annotations[${name}]`,
        code: 'invalid-annotation',
        message: `annotation ${name} is ${JSON.stringify(value.slice(0, 200))}; ${message}`,
        ...(hint === undefined ? {} : { hint }),
      } as Problem,
    ];
  });
}

/** Reads a boolean annotation that passed the checks. */
export function flagAnnotation(
  annotations: Readonly<Record<string, string>>,
  name: string,
  fallback: boolean,
): boolean {
  const value = annotations[name];
  return value === undefined ? fallback : /^(?:1|t|true)$/i.test(value);
}
