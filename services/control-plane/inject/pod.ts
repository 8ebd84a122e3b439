// The part of a Pod that injection reads and writes; unknown fields pass through untouched.

export interface Container {
  name: string;
  image?: string;
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: unknown }[];
  ports?: { name?: string; containerPort: number; protocol?: string }[];
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: { postStart?: Handler; preStop?: Handler };
  restartPolicy?: string;
  securityContext?: { runAsUser?: number; runAsGroup?: number; [field: string]: unknown };
  [field: string]: unknown;
}

export interface Handler {
  httpGet?: {
    port: number | string;
    path?: string;
    host?: string;
    scheme?: string;
    httpHeaders?: { name: string; value: string }[];
  };
  tcpSocket?: { port: number | string; host?: string };
  grpc?: { port: number; service?: string };
  exec?: unknown;
  [field: string]: unknown;
}

export interface Probe extends Handler {
  timeoutSeconds?: number;
}

export interface Pod {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name?: string;
    generateName?: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { apiVersion: string; kind: string; name: string; controller?: boolean }[];
    [field: string]: unknown;
  };
  spec: {
    containers: Container[];
    initContainers?: Container[];
    volumes?: { name: string; [field: string]: unknown }[];
    hostNetwork?: boolean;
    dnsPolicy?: string;
    [field: string]: unknown;
  };
}

/** A copy without shared parts. */
export const clonePod = (pod: Pod): Pod => structuredClone(pod);
