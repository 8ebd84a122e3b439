// Which mutual TLS a workload's port wants: the PeerAuthentication of the port, the workload, the namespace, the mesh, in this order.
import type { MutualTlsMode } from '#api/peer-authentication.ts';
import type { Model } from '../model/build.ts';
import type { ProxyNode } from './proxy-node.ts';

type Mode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

const decided = (mode: MutualTlsMode | undefined): Mode | undefined =>
  mode === 'STRICT' || mode === 'PERMISSIVE' || mode === 'DISABLE' ? mode : undefined;

export function mutualTlsMode(model: Model, proxy: ProxyNode, port: number | undefined): Mode {
  const labels = model.pods.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  const selects = (selector: Readonly<Record<string, string>> | undefined) =>
    Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
  const hasSelector = (it: Model['peerAuthentications'][number]) =>
    Object.keys(it.spec.selector?.matchLabels ?? {}).length > 0;
  const inNamespace = (namespace: string) =>
    model.peerAuthentications.filter((it) => it.metadata.namespace === namespace);
  const workload = inNamespace(proxy.namespace).find((it) => hasSelector(it) && selects(it.spec.selector?.matchLabels));
  if (workload) {
    const atPort = port === undefined ? undefined : decided(workload.spec.portLevelMtls?.[String(port)]?.mode);
    const own = atPort ?? decided(workload.spec.mtls?.mode);
    if (own) return own;
  }
  for (const namespace of [proxy.namespace, model.mesh.rootNamespace]) {
    const mode = decided(inNamespace(namespace).find((it) => !hasSelector(it))?.spec.mtls?.mode);
    if (mode) return mode;
  }
  return 'PERMISSIVE';
}
