// The fields of built-in kinds that the controllers read and write; everything else passes through untouched.
import type { KubeObject, ObjectMeta } from '#lib/kube/object.ts';

export interface LabelSelector {
  matchLabels?: Record<string, string> | undefined;
  matchExpressions?: { key: string; operator: string; values?: string[] | undefined }[] | undefined;
}
export interface Condition {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
  lastTransitionTime?: string | undefined;
  lastUpdateTime?: string | undefined;
  lastProbeTime?: string | undefined;
  lastHeartbeatTime?: string | undefined;
  observedGeneration?: number | undefined;
}
export type IntOrString = number | string;

export interface NodeSelectorTerm {
  matchExpressions?: { key: string; operator: string; values?: string[] | undefined }[] | undefined;
  matchFields?: { key: string; operator: string; values?: string[] | undefined }[] | undefined;
}
export interface PodAffinityTerm {
  labelSelector?: LabelSelector | undefined;
  namespaces?: string[] | undefined;
  namespaceSelector?: LabelSelector | undefined;
  topologyKey: string;
}
export interface Affinity {
  nodeAffinity?: {
    requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] } | undefined;
    preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; preference: NodeSelectorTerm }[] | undefined;
  };
  podAffinity?: PodAffinityRules | undefined;
  podAntiAffinity?: PodAffinityRules | undefined;
}
export interface PodAffinityRules {
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[] | undefined;
  preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; podAffinityTerm: PodAffinityTerm }[] | undefined;
}
export interface Toleration {
  key?: string | undefined;
  operator?: string | undefined;
  value?: string | undefined;
  effect?: string | undefined;
  tolerationSeconds?: number | undefined;
}
export interface Taint {
  key: string;
  value?: string | undefined;
  effect: string;
  timeAdded?: string | undefined;
}
export interface Container {
  name: string;
  image?: string | undefined;
  restartPolicy?: string | undefined;
  ports?: { name?: string; containerPort: number; hostPort?: number; hostIP?: string; protocol?: string }[] | undefined;
  resources?: { requests?: Record<string, IntOrString>; limits?: Record<string, IntOrString> } | undefined;
}
export interface PodSpec {
  nodeName?: string | undefined;
  schedulerName?: string | undefined;
  nodeSelector?: Record<string, string> | undefined;
  affinity?: Affinity | undefined;
  tolerations?: Toleration[] | undefined;
  topologySpreadConstraints?: TopologySpreadConstraint[] | undefined;
  schedulingGates?: { name: string }[] | undefined;
  containers: Container[];
  initContainers?: Container[] | undefined;
  restartPolicy?: string | undefined;
  hostNetwork?: boolean | undefined;
  hostname?: string | undefined;
  subdomain?: string | undefined;
  priority?: number | undefined;
  volumes?: ({ name: string } & Record<string, unknown>)[] | undefined;
}
export interface TopologySpreadConstraint {
  maxSkew: number;
  topologyKey: string;
  whenUnsatisfiable: string;
  labelSelector?: LabelSelector | undefined;
}
export interface PodStatus {
  phase?: string | undefined;
  reason?: string | undefined;
  message?: string | undefined;
  podIP?: string | undefined;
  podIPs?: { ip: string }[] | undefined;
  hostIP?: string | undefined;
  startTime?: string | undefined;
  conditions?: Condition[] | undefined;
  containerStatuses?: ContainerStatus[] | undefined;
  initContainerStatuses?: ContainerStatus[] | undefined;
}
export interface ContainerStatus {
  name: string;
  ready?: boolean | undefined;
  restartCount?: number | undefined;
  state?: ContainerState | undefined;
  lastState?: ContainerState | undefined;
}
export interface ContainerState {
  waiting?: { reason?: string; message?: string } | undefined;
  running?: { startedAt?: string } | undefined;
  terminated?: { exitCode: number; reason?: string; message?: string; finishedAt?: string } | undefined;
}
export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: PodStatus | undefined;
}
export interface PodTemplate {
  metadata?: Partial<ObjectMeta> | undefined;
  spec: PodSpec;
}

export interface ReplicaSet extends KubeObject {
  spec: {
    replicas?: number | undefined;
    minReadySeconds?: number | undefined;
    selector: LabelSelector;
    template: PodTemplate;
  };
  status?: ReplicaSetStatus | undefined;
}
export interface ReplicaSetStatus {
  replicas: number;
  fullyLabeledReplicas?: number | undefined;
  readyReplicas?: number | undefined;
  availableReplicas?: number | undefined;
  observedGeneration?: number | undefined;
  conditions?: Condition[] | undefined;
}
export interface Deployment extends KubeObject {
  spec: {
    replicas?: number | undefined;
    minReadySeconds?: number | undefined;
    selector: LabelSelector;
    template: PodTemplate;
    strategy?: {
      type?: string | undefined;
      rollingUpdate?: { maxSurge?: IntOrString | undefined; maxUnavailable?: IntOrString | undefined } | undefined;
    };
    paused?: boolean | undefined;
    progressDeadlineSeconds?: number | undefined;
    revisionHistoryLimit?: number | undefined;
  };
  status?: DeploymentStatus | undefined;
}
export interface DeploymentStatus {
  observedGeneration?: number | undefined;
  replicas?: number | undefined;
  updatedReplicas?: number | undefined;
  readyReplicas?: number | undefined;
  availableReplicas?: number | undefined;
  unavailableReplicas?: number | undefined;
  collisionCount?: number | undefined;
  conditions?: Condition[] | undefined;
}
export interface DaemonSet extends KubeObject {
  spec: {
    selector: LabelSelector;
    template: PodTemplate;
    minReadySeconds?: number | undefined;
    revisionHistoryLimit?: number | undefined;
    updateStrategy?: {
      type?: string | undefined;
      rollingUpdate?: { maxSurge?: IntOrString | undefined; maxUnavailable?: IntOrString | undefined } | undefined;
    };
  };
  status?: DaemonSetStatus | undefined;
}
export interface DaemonSetStatus {
  currentNumberScheduled: number;
  desiredNumberScheduled: number;
  numberMisscheduled: number;
  numberReady: number;
  numberAvailable?: number | undefined;
  numberUnavailable?: number | undefined;
  updatedNumberScheduled?: number | undefined;
  observedGeneration?: number | undefined;
  collisionCount?: number | undefined;
}
export interface StatefulSet extends KubeObject {
  spec: {
    replicas?: number | undefined;
    serviceName?: string | undefined;
    selector: LabelSelector;
    template: PodTemplate;
    minReadySeconds?: number | undefined;
    revisionHistoryLimit?: number | undefined;
    podManagementPolicy?: string | undefined;
    ordinals?: { start?: number | undefined } | undefined;
    volumeClaimTemplates?: KubeObject[] | undefined;
    updateStrategy?: { type?: string | undefined; rollingUpdate?: { partition?: number | undefined } | undefined };
  };
  status?: StatefulSetStatus | undefined;
}
export interface StatefulSetStatus {
  replicas: number;
  readyReplicas?: number | undefined;
  availableReplicas?: number | undefined;
  currentReplicas?: number | undefined;
  updatedReplicas?: number | undefined;
  currentRevision?: string | undefined;
  updateRevision?: string | undefined;
  observedGeneration?: number | undefined;
  collisionCount?: number | undefined;
}
export interface ControllerRevision extends KubeObject {
  data?: unknown;
  revision: number;
}
export interface Job extends KubeObject {
  spec: {
    parallelism?: number | undefined;
    completions?: number | undefined;
    completionMode?: string | undefined;
    backoffLimit?: number | undefined;
    activeDeadlineSeconds?: number | undefined;
    ttlSecondsAfterFinished?: number | undefined;
    suspend?: boolean | undefined;
    selector?: LabelSelector | undefined;
    template: PodTemplate;
  };
  status?: JobStatus | undefined;
}
export interface JobStatus {
  active?: number | undefined;
  ready?: number | undefined;
  succeeded?: number | undefined;
  failed?: number | undefined;
  terminating?: number | undefined;
  startTime?: string | undefined;
  completionTime?: string | undefined;
  completedIndexes?: string | undefined;
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] } | undefined;
  conditions?: Condition[] | undefined;
}
export interface CronJob extends KubeObject {
  spec: {
    schedule: string;
    timeZone?: string | undefined;
    suspend?: boolean | undefined;
    concurrencyPolicy?: string | undefined;
    startingDeadlineSeconds?: number | undefined;
    successfulJobsHistoryLimit?: number | undefined;
    failedJobsHistoryLimit?: number | undefined;
    jobTemplate: { metadata?: Partial<ObjectMeta> | undefined; spec: Job['spec'] };
  };
  status?: {
    active?:
      | { apiVersion: string; kind: string; name: string; namespace?: string | undefined; uid: string }[]
      | undefined;
    lastScheduleTime?: string | undefined;
    lastSuccessfulTime?: string | undefined;
  };
}

export interface ServicePort {
  name?: string | undefined;
  port: number;
  targetPort?: IntOrString | undefined;
  protocol?: string | undefined;
  appProtocol?: string | undefined;
}
export interface Service extends KubeObject {
  spec: {
    selector?: Record<string, string> | undefined;
    ports?: ServicePort[] | undefined;
    clusterIP?: string | undefined;
    type?: string | undefined;
    publishNotReadyAddresses?: boolean | undefined;
  };
}
export interface EndpointPort {
  name?: string | undefined;
  port?: number | undefined;
  protocol?: string | undefined;
  appProtocol?: string | undefined;
}
export interface Endpoint {
  addresses: string[];
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean } | undefined;
  hostname?: string | undefined;
  nodeName?: string | undefined;
  zone?: string | undefined;
  targetRef?: { kind: string; namespace?: string | undefined; name: string; uid?: string | undefined } | undefined;
}
export interface EndpointSlice extends KubeObject {
  addressType: string;
  endpoints: Endpoint[] | null;
  ports?: EndpointPort[] | null;
}
export interface EndpointAddress {
  ip: string;
  hostname?: string | undefined;
  nodeName?: string | undefined;
  targetRef?: Endpoint['targetRef'];
}
export interface EndpointSubset {
  addresses?: EndpointAddress[] | undefined;
  notReadyAddresses?: EndpointAddress[] | undefined;
  ports?: EndpointPort[] | undefined;
}
export interface Endpoints extends KubeObject {
  subsets?: EndpointSubset[] | undefined;
}

export interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] | undefined } | undefined;
  status?: { phase?: string | undefined; conditions?: Condition[] | undefined } | undefined;
}
export interface ConfigMap extends KubeObject {
  data?: Record<string, string> | undefined;
}
export interface Node extends KubeObject {
  spec?:
    | { unschedulable?: boolean | undefined; taints?: Taint[] | undefined; podCIDR?: string | undefined }
    | undefined;
  status?: {
    conditions?: Condition[] | undefined;
    allocatable?: Record<string, IntOrString> | undefined;
    capacity?: Record<string, IntOrString> | undefined;
    addresses?: { type: string; address: string }[] | undefined;
  };
}
export interface PodDisruptionBudget extends KubeObject {
  spec: {
    selector?: LabelSelector | undefined;
    minAvailable?: IntOrString | undefined;
    maxUnavailable?: IntOrString | undefined;
  };
  status?:
    | {
        observedGeneration?: number | undefined;
        currentHealthy: number;
        desiredHealthy: number;
        disruptionsAllowed: number;
        expectedPods: number;
        disruptedPods?: Record<string, string> | undefined;
        conditions?: Condition[] | undefined;
      }
    | undefined;
}
