// DestinationRules against the rest: hosts that exist, subsets that select pods, servers whose certificates are checked.
import { findHost, formatLabels, type Inventory, matchesLabels } from './inventory.ts';
import { type Message, message } from './message.ts';

/** Labels that come from the node, not from the pod. */
const TOPOLOGY = /^topology\.(istio|kubernetes)\.io\//;

export function analyseDestinationRules(inventory: Inventory): Message[] {
  const messages: Message[] = [];
  for (const object of inventory.destinationRules) {
    if (typeof object.spec.host !== 'string') continue;
    const namespace = object.metadata.namespace ?? '';
    const known = findHost(inventory, object.spec.host, namespace);
    if (!known) {
      messages.push(
        message('IST0174', object, 'spec.host', `Unknown host ${object.spec.host}; it has no Service or ServiceEntry`),
      );
      continue;
    }
    const selector = (known.service?.spec as { selector?: Readonly<Record<string, string>> } | undefined)?.selector;
    if (!selector) continue;
    const pods = inventory.pods.filter(
      (pod) => pod.metadata.namespace === known.namespace && matchesLabels(pod.metadata.labels, selector),
    );
    for (const [index, subset] of (object.spec.subsets ?? []).entries()) {
      const wanted = Object.fromEntries(Object.entries(subset.labels ?? {}).filter(([key]) => !TOPOLOGY.test(key)));
      if (Object.keys(wanted).length === 0 || pods.some((pod) => matchesLabels(pod.metadata.labels, wanted))) continue;
      messages.push(
        message(
          'IST0173',
          object,
          `spec.subsets[${index}].labels`,
          `Subset ${subset.name} (${formatLabels(wanted)}) does not select any pod of ${object.spec.host}`,
        ),
      );
    }
  }
  return messages;
}

export function analyseServerVerification(inventory: Inventory): Message[] {
  const messages: Message[] = [];
  const unchecked = (
    tls:
      | {
          mode?: string | undefined;
          caCertificates?: string | undefined;
          credentialName?: string | undefined;
          insecureSkipVerify?: boolean | undefined | null;
        }
      | undefined,
  ): boolean =>
    (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL') &&
    !tls.caCertificates &&
    !tls.credentialName &&
    tls.insecureSkipVerify !== true;
  for (const object of inventory.destinationRules) {
    const policy = object.spec.trafficPolicy;
    const text = (what: string): string =>
      `DestinationRule ${object.metadata.namespace}/${object.metadata.name} in namespace ${object.metadata.namespace} has TLS mode set to ${what} but no caCertificates are set to validate server identity for host: ${object.spec.host}`;
    if (unchecked(policy?.tls))
      messages.push(message('IST0128', object, 'spec.trafficPolicy.tls', text(policy!.tls!.mode!)));
    for (const [index, port] of (policy?.portLevelSettings ?? []).entries()) {
      if (unchecked(port.tls)) {
        messages.push(
          message(
            'IST0129',
            object,
            `spec.trafficPolicy.portLevelSettings[${index}].tls`,
            `${text(port.tls!.mode!)} at port ${port.port?.number}`,
          ),
        );
      }
    }
  }
  return messages;
}
