// Namespaces and pods: who should have a sidecar and has none; and port names from which the protocol is read.
import { Component, IGNORED_NAMESPACES, Label } from '#api/names.ts';
import { protocolClass } from '#api/protocols.ts';
import { type Inventory, portsOf } from './inventory.ts';
import { type AnalysedObject, type Message, message } from './message.ts';

const labelOf = (object: AnalysedObject, name: string): string | undefined => object.metadata.labels?.[name];

export function analyseInjection(inventory: Inventory): Message[] {
  const messages: Message[] = [];
  const injected = new Set<string>();
  for (const namespace of inventory.namespaces) {
    const name = namespace.metadata.name ?? '';
    if (name === inventory.rootNamespace || IGNORED_NAMESPACES.includes(name)) continue;
    if (labelOf(namespace, Label.dataplaneMode) === 'ambient') continue;
    const injection = labelOf(namespace, Label.injection);
    const revision = labelOf(namespace, Label.revision);
    if (injection === 'enabled' && revision) {
      messages.push(
        message(
          'IST0123',
          namespace,
          'metadata.labels',
          `The namespace has more than one injection label (${Label.injection}, ${Label.revision}), which may lead to undesired behavior.`,
        ),
      );
    }
    if (injection === 'enabled' || revision) injected.add(name);
    else if (injection === undefined) {
      messages.push(
        message(
          'IST0102',
          namespace,
          'metadata.labels',
          `The namespace is not enabled for Istio injection. Run 'kubectl label namespace ${name} istio-injection=enabled' to enable it, or 'kubectl label namespace ${name} istio-injection=disabled' to explicitly mark it as not needing injection.`,
        ),
      );
    }
  }
  for (const pod of inventory.ofKind('Pod')) {
    if (!injected.has(pod.metadata.namespace ?? '') || labelOf(pod, Label.inject) === 'false') continue;
    const spec = (pod.spec ?? {}) as {
      hostNetwork?: boolean;
      containers?: { name: string }[];
      initContainers?: { name: string }[];
    };
    const has = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(
      (container) => container.name === Component.proxyContainer,
    );
    if (spec.hostNetwork || has) continue;
    messages.push(
      message(
        'IST0103',
        pod,
        'spec.containers',
        `The pod ${pod.metadata.namespace}/${pod.metadata.name} is missing the Istio proxy. This can often be resolved by restarting or redeploying the workload.`,
      ),
    );
  }
  return messages;
}

export function analysePortNames(inventory: Inventory): Message[] {
  const messages: Message[] = [];
  for (const service of inventory.services) {
    const namespace = service.metadata.namespace ?? '';
    if (namespace === 'kube-system' || namespace === inventory.rootNamespace) continue;
    for (const [index, port] of portsOf(service).entries()) {
      if (port.appProtocol || port.protocol === 'UDP') continue;
      const name = (port.name ?? '').toLowerCase();
      const prefix = name.startsWith('grpc-web') ? 'grpc-web' : name.split('-')[0]!;
      if (name !== '' && protocolClass(prefix) !== undefined) continue;
      messages.push(
        message(
          'IST0118',
          service,
          `spec.ports[${index}].name`,
          `Port name ${port.name ?? ''} (port: ${port.port}, targetPort: ${port.targetPort ?? port.port}) doesn't follow the naming convention of Istio port.`,
        ),
      );
    }
  }
  return messages;
}
