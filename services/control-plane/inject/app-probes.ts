// Probes of the app pass through the agent (15020), which mutual TLS does not guard: rewritten here, undone by the agent.
import { Component } from '#api/names.ts';
import type { Container, Handler, Pod } from './pod.ts';

/** What the agent asks in kubelet's place, by path; JSON of ISTIO_KUBE_APP_PROBERS. */
export type OriginalProbes = Record<
  string,
  { httpGet?: unknown; tcpSocket?: unknown; grpc?: unknown; timeoutSeconds?: number }
>;

const PROBES = [
  ['readinessProbe', 'readyz'],
  ['livenessProbe', 'livez'],
  ['startupProbe', 'startupz'],
] as const;
const HOOKS = [
  ['preStop', 'prestopz'],
  ['postStart', 'poststartz'],
] as const;

/** Rewrites the pod's probes in place and gives the originals. */
export function rewriteAppProbes(pod: Pod, statusPort: number): OriginalProbes {
  const originals: OriginalProbes = {};
  const rewrite = (container: Container, handler: Handler, path: string, hasGrpc: boolean): Handler => {
    const original = originalOf(container, handler, hasGrpc);
    if (original === undefined) return handler;
    originals[path] = original;
    const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, ...rest } = handler;
    const headers = handler.httpGet?.httpHeaders;
    return { ...rest, httpGet: { path, port: statusPort, ...(headers === undefined ? {} : { httpHeaders: headers }) } };
  };
  for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    if (container.name === Component.proxyContainer) continue;
    for (const [field, name] of PROBES) {
      const probe = container[field];
      if (probe !== undefined)
        container[field] = rewrite(container, probe, `/app-health/${container.name}/${name}`, true);
    }
    for (const [field, name] of HOOKS) {
      const hook = container.lifecycle?.[field];
      if (hook !== undefined)
        container.lifecycle![field] = rewrite(container, hook, `/app-lifecycle/${container.name}/${name}`, false);
    }
  }
  return originals;
}

/** The part that the agent needs, with numbers for named ports; undefined where kubelet needs no help. */
function originalOf(container: Container, handler: Handler, hasGrpc: boolean): OriginalProbes[string] | undefined {
  const timeout = typeof handler['timeoutSeconds'] === 'number' ? { timeoutSeconds: handler['timeoutSeconds'] } : {};
  if (handler.grpc !== undefined && hasGrpc) return { grpc: handler.grpc, ...timeout };
  const target = handler.httpGet ?? handler.tcpSocket;
  const port = target === undefined ? undefined : portNumber(container, target.port);
  if (port === undefined) return undefined;
  if (handler.httpGet !== undefined) return { httpGet: { ...handler.httpGet, port }, ...timeout };
  return { tcpSocket: { ...handler.tcpSocket, port }, ...timeout };
}

function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  return /^\d+$/.test(port) ? Number(port) : container.ports?.find(({ name }) => name === port)?.containerPort;
}
