// Which node a pod may and should go to, pure: filters with kube-scheduler's words for each refusal, then a score.
import type { KubeObject } from '#lib/kube/object.ts';
import type { Node, Pod, PodAffinityTerm, Taint, Toleration } from './objects.ts';
import { isPodTerminal } from './pod-state.ts';
import { toNumber } from '../quantity.ts';
import { matchesNodeTerm, matchesSelector } from './selector.ts';

export interface ClusterView {
  readonly nodes: readonly Node[];
  /** All pods, those just bound included. */
  readonly pods: readonly Pod[];
  readonly namespaces: ReadonlyMap<string, KubeObject>;
}

export type Decision = { readonly node: string } | { readonly message: string };

/** One pod against all nodes. */
export function schedule(pod: Pod, view: ClusterView): Decision {
  const byNode = new Map<string, Pod[]>();
  for (const other of view.pods) {
    if (!other.spec.nodeName || isPodTerminal(other)) continue;
    const list = byNode.get(other.spec.nodeName) ?? [];
    list.push(other);
    byNode.set(other.spec.nodeName, list);
  }
  const reasons = new Map<string, number>();
  let best: { node: Node; score: number } | undefined;
  for (const node of view.nodes) {
    const here = byNode.get(node.metadata.name) ?? [];
    const refusals = refusalsOf(pod, node, here, view, byNode);
    for (const reason of refusals) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (refusals.length > 0) continue;
    const score = scoreOf(pod, node, here, view, byNode);
    if (!best || score > best.score || (score === best.score && node.metadata.name < best.node.metadata.name)) {
      best = { node, score };
    }
  }
  if (best) return { node: best.node.metadata.name };
  const total = view.nodes.length;
  if (total === 0) return { message: 'no nodes available to schedule pods' };
  const list = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  return {
    message: `0/${total} nodes are available: ${list.join(', ')}. preemption: 0/${total} nodes are available: ${total} Preemption is not helpful for scheduling.`,
  };
}

/** Empty when the node fits. A node that fails one filter is not asked the next. */
function refusalsOf(
  pod: Pod,
  node: Node,
  here: readonly Pod[],
  view: ClusterView,
  byNode: ReadonlyMap<string, Pod[]>,
): string[] {
  if (node.spec?.unschedulable && !isTolerated(pod.spec.tolerations, UNSCHEDULABLE))
    return ['node(s) were unschedulable'];
  const taint = (node.spec?.taints ?? []).find(
    (each) => each.effect !== 'PreferNoSchedule' && !isTolerated(pod.spec.tolerations, each),
  );
  if (taint) return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  if (!matchesNode(pod, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  if (hasPortConflict(pod, here)) return ["node(s) didn't have free ports for the requested pod ports"];
  const lacking = lackingResources(pod, node, here);
  if (lacking.length > 0) return lacking;
  if (!spreads(pod, node, view, byNode)) return ["node(s) didn't match pod topology spread constraints"];
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const domain = podsInDomain(node, view, byNode);
  for (const term of podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    const anywhere = view.pods.some((other) => other.spec.nodeName && selects(term, pod, other, view));
    const itself = !anywhere && selects(term, pod, pod, view);
    if (!itself && !domain(term.topologyKey).some((other) => selects(term, pod, other, view))) {
      return ["node(s) didn't match pod affinity rules"];
    }
  }
  for (const term of podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (domain(term.topologyKey).some((other) => selects(term, pod, other, view))) {
      return ["node(s) didn't match pod anti-affinity rules"];
    }
  }
  for (const other of view.pods) {
    const terms = other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    if (terms.length === 0 || !other.spec.nodeName || isPodTerminal(other)) continue;
    for (const term of terms) {
      if (selects(term, other, pod, view) && domain(term.topologyKey).includes(other)) {
        return ["node(s) didn't satisfy existing pods anti-affinity rules"];
      }
    }
  }
  return [];
}

const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export function isTolerated(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => tolerates(toleration, taint));
}

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return toleration.key !== undefined && (toleration.value ?? '') === (taint.value ?? '');
}

/** nodeSelector and required node affinity. */
export function matchesNode(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesNodeTerm(term, node));
}

function hostPorts(pod: Pod): string[] {
  return pod.spec.containers.flatMap((container) =>
    (container.ports ?? []).flatMap(({ hostPort, protocol = 'TCP' }) => (hostPort ? [`${protocol}/${hostPort}`] : [])),
  );
}

function hasPortConflict(pod: Pod, here: readonly Pod[]): boolean {
  const wanted = new Set(hostPorts(pod));
  return wanted.size > 0 && here.some((other) => hostPorts(other).some((port) => wanted.has(port)));
}

const RESOURCES = ['cpu', 'memory', 'ephemeral-storage'] as const;

function lackingResources(pod: Pod, node: Node, here: readonly Pod[]): string[] {
  const { allocatable } = node.status ?? {};
  if (allocatable === undefined) return [];
  const lacking = RESOURCES.filter((name) => {
    const wanted = requestOf(pod, name);
    if (wanted === 0 || allocatable[name] === undefined) return false;
    return here.reduce((sum, other) => sum + requestOf(other, name), wanted) > toNumber(allocatable[name]);
  }).map((name) => `Insufficient ${name}`);
  if (allocatable['pods'] !== undefined && here.length + 1 > toNumber(allocatable['pods']))
    lacking.push('Too many pods');
  return lacking;
}

/** The larger of the containers' sum and the largest init container; sidecars count with the containers. */
export function requestOf(pod: Pod, resource: string): number {
  const of = (container: Pod['spec']['containers'][number]): number =>
    toNumber(container.resources?.requests?.[resource]);
  const init = pod.spec.initContainers ?? [];
  const sidecars = init
    .filter(({ restartPolicy }) => restartPolicy === 'Always')
    .reduce((sum, each) => sum + of(each), 0);
  const steady = pod.spec.containers.reduce((sum, each) => sum + of(each), sidecars);
  return Math.max(
    steady,
    ...init.filter(({ restartPolicy }) => restartPolicy !== 'Always').map((each) => of(each) + sidecars),
  );
}

type Domain = (topologyKey: string) => Pod[];

function podsInDomain(node: Node, view: ClusterView, byNode: ReadonlyMap<string, Pod[]>): Domain {
  return (topologyKey) => {
    const value = node.metadata.labels?.[topologyKey];
    if (value === undefined) return [];
    return view.nodes
      .filter((other) => other.metadata.labels?.[topologyKey] === value)
      .flatMap((other) => byNode.get(other.metadata.name) ?? []);
  };
}

function selects(term: PodAffinityTerm, owner: Pod, other: Pod, view: ClusterView): boolean {
  if (other.metadata.deletionTimestamp) return false;
  const namespace = other.metadata.namespace ?? '';
  const named = term.namespaces?.includes(namespace) ?? false;
  const labelled =
    term.namespaceSelector && matchesSelector(term.namespaceSelector, view.namespaces.get(namespace)?.metadata.labels);
  const own = !term.namespaces?.length && !term.namespaceSelector && namespace === owner.metadata.namespace;
  return (named || labelled || own) && matchesSelector(term.labelSelector, other.metadata.labels);
}

function spreads(pod: Pod, node: Node, view: ClusterView, byNode: ReadonlyMap<string, Pod[]>): boolean {
  return (pod.spec.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')
    .every(({ topologyKey, labelSelector, maxSkew }) => {
      const mine = node.metadata.labels?.[topologyKey];
      if (mine === undefined) return false;
      const counts = new Map<string, number>();
      for (const other of view.nodes) {
        const domain = other.metadata.labels?.[topologyKey];
        if (domain === undefined || !matchesNode(pod, other)) continue;
        const matching = (byNode.get(other.metadata.name) ?? []).filter(
          ({ metadata }) =>
            metadata.namespace === pod.metadata.namespace &&
            !metadata.deletionTimestamp &&
            matchesSelector(labelSelector, metadata.labels),
        );
        counts.set(domain, (counts.get(domain) ?? 0) + matching.length);
      }
      const self = matchesSelector(labelSelector, pod.metadata.labels) ? 1 : 0;
      return (counts.get(mine) ?? 0) + self - Math.min(...counts.values()) <= maxSkew;
    });
}

/** Preferences first, then apart from the pods of the same owner, then the emptiest node. */
function scoreOf(
  pod: Pod,
  node: Node,
  here: readonly Pod[],
  view: ClusterView,
  byNode: ReadonlyMap<string, Pod[]>,
): number {
  const { nodeAffinity, podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  let score = 0;
  for (const { weight, preference } of nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (matchesNodeTerm(preference, node)) score += weight * 100;
  }
  const domain = podsInDomain(node, view, byNode);
  const count = (term: PodAffinityTerm): number =>
    domain(term.topologyKey).filter((other) => selects(term, pod, other, view)).length;
  for (const { weight, podAffinityTerm } of podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (count(podAffinityTerm) > 0) score += weight * 100;
  }
  for (const { weight, podAffinityTerm } of podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
    score -= weight * 100 * Math.min(1, count(podAffinityTerm));
  }
  const shunned = (node.spec?.taints ?? []).filter(
    (taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(pod.spec.tolerations, taint),
  );
  const owners = new Set((pod.metadata.ownerReferences ?? []).map(({ uid }) => uid));
  const siblings = here.filter((other) => other.metadata.ownerReferences?.some(({ uid }) => owners.has(uid))).length;
  return score - shunned.length * 1_000 - siblings * 10 - here.length;
}
