// Ports of the app behind a sidecar: those of the services that select its pod.
import type { Model } from '../model/build.ts';
import type { Protocol } from '../model/protocol.ts';
import type { ModelService } from '../model/services.ts';
import type { ProxyNode } from './proxy-node.ts';

export interface InboundPort {
  readonly targetPort: number;
  readonly protocol: Protocol;
  readonly service: ModelService;
  readonly servicePort: number;
}

/** One for each target port; where two services share one, the first by name says what it speaks. */
export function inboundPorts(model: Model, proxy: ProxyNode): InboundPort[] {
  const pod = model.pods.get(`${proxy.namespace}/${proxy.name}`);
  const labels = pod?.labels ?? proxy.labels;
  const found = new Map<number, InboundPort>();
  for (const service of model.services.values()) {
    const selector = Object.entries(service.selector);
    if (
      service.namespace !== proxy.namespace ||
      selector.length === 0 ||
      !selector.every(([key, value]) => labels[key] === value)
    )
      continue;
    for (const port of service.ports) {
      if (port.protocol === 'udp') continue;
      const targetPort =
        typeof port.targetPort === 'number'
          ? port.targetPort
          : /^\d+$/.test(port.targetPort)
            ? Number(port.targetPort)
            : pod?.containerPorts.get(port.targetPort);
      if (targetPort === undefined || found.has(targetPort)) continue;
      found.set(targetPort, { targetPort, protocol: port.protocol, service, servicePort: port.port });
    }
  }
  return [...found.values()].sort((a, b) => a.targetPort - b.targetPort);
}
