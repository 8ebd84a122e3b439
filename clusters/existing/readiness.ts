// Is an object what its manifest asks for? Pure, with kubectl's own criteria, and a reason when not.
import type { KubeObject } from '#lib/kube/object.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for people; empty when ready. */
  readonly reason: string;
  /** It will not become ready by waiting. */
  readonly failed?: boolean | undefined;
}

interface Observed {
  observedGeneration?: number;
  conditions?: { type: string; status: string; reason?: string; message?: string }[];
  replicas?: number;
  updatedReplicas?: number;
  availableReplicas?: number;
  readyReplicas?: number;
  desiredNumberScheduled?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  phase?: string;
  loadBalancer?: { ingress?: unknown[] };
}

const READY: Readiness = { ready: true, reason: '' };
const notYet = (reason: string): Readiness => ({ ready: false, reason });
const failed = (reason: string): Readiness => ({ ready: false, reason, failed: true });

/** Kinds that have something to wait for; all others are ready once they are stored. */
export function needsWaiting(object: KubeObject): boolean {
  const kinds = ['CustomResourceDefinition', 'Namespace', 'Deployment', 'DaemonSet', 'StatefulSet', 'Job'];
  if (kinds.includes(object.kind)) return true;
  return object.kind === 'Service' && (object.spec as { type?: string } | undefined)?.type === 'LoadBalancer';
}

export function isReady(object: KubeObject): Readiness {
  const status = (object.status ?? {}) as Observed;
  const spec = (object.spec ?? {}) as { replicas?: number; type?: string };
  const condition = (type: string) => status.conditions?.find((each) => each.type === type);
  const observed = (status.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
  switch (object.kind) {
    case 'CustomResourceDefinition': {
      const names = condition('NamesAccepted');
      if (names?.status === 'False') return failed(names.message ?? 'its names are taken');
      return condition('Established')?.status === 'True' ? READY : notYet('not established yet');
    }
    case 'Namespace':
      return (status.phase ?? 'Active') === 'Active' ? READY : notYet(`it is ${status.phase}`);
    case 'Deployment': {
      const replicas = spec.replicas ?? 1;
      if (!observed) return notYet('not seen by the deployment controller yet');
      const progressing = condition('Progressing');
      if (progressing?.reason === 'ProgressDeadlineExceeded') return notYet(progressing.message ?? 'deadline exceeded');
      if ((status.updatedReplicas ?? 0) < replicas)
        return notYet(`${status.updatedReplicas ?? 0} of ${replicas} pods updated`);
      if ((status.replicas ?? 0) > (status.updatedReplicas ?? 0)) return notYet('old pods still going');
      const available = status.availableReplicas ?? 0;
      return available >= replicas ? READY : notYet(`${available} of ${replicas} pods available`);
    }
    case 'StatefulSet': {
      const replicas = spec.replicas ?? 1;
      if (!observed) return notYet('not seen by the statefulset controller yet');
      if ((status.updatedReplicas ?? 0) < replicas)
        return notYet(`${status.updatedReplicas ?? 0} of ${replicas} pods updated`);
      const ready = status.readyReplicas ?? 0;
      return ready >= replicas ? READY : notYet(`${ready} of ${replicas} pods ready`);
    }
    case 'DaemonSet': {
      const desired = status.desiredNumberScheduled ?? 0;
      if (!observed) return notYet('not seen by the daemonset controller yet');
      if ((status.updatedNumberScheduled ?? 0) < desired)
        return notYet(`${status.updatedNumberScheduled ?? 0} of ${desired} pods updated`);
      const available = status.numberAvailable ?? 0;
      return available >= desired ? READY : notYet(`${available} of ${desired} pods available`);
    }
    case 'Job': {
      const bad = condition('Failed');
      if (bad?.status === 'True') return failed(bad.message ?? 'it failed');
      return condition('Complete')?.status === 'True' ? READY : notYet('not complete yet');
    }
    case 'Service':
      if (spec.type !== 'LoadBalancer' || (status.loadBalancer?.ingress?.length ?? 0) > 0) return READY;
      return notYet('no load balancer address yet');
    default:
      return READY;
  }
}
