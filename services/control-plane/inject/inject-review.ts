// The injection webhook without its port: AdmissionReview in, AdmissionReview with a JSON patch out. Pure.
import { injectPod, type PathSettings } from './inject-pod.ts';
import type { InjectionConfig } from './injection-config.ts';
import { whyNotInjected } from './injection-policy.ts';
import type { Pod } from './pod.ts';

export { type InjectionConfig, type InjectionSources, parseInjectionConfig } from './injection-config.ts';

/** admission.k8s.io/v1 AdmissionReview, as far as injection reads and writes it. */
export interface AdmissionReview {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly request?: {
    readonly uid: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly object?: unknown;
    readonly dryRun?: boolean;
  };
  readonly response?: AdmissionResponse;
}

/** What the API server is told. */
export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patchType?: 'JSONPatch';
  /** base64 of an RFC 6902 patch */
  readonly patch?: string;
  readonly status?: { readonly message: string; readonly code?: number };
  readonly warnings?: readonly string[];
}

/** How a review ended, for metrics and logs. */
export type InjectionOutcome = 'injected' | 'skipped' | 'failed';

interface PatchOperation {
  readonly op: 'add';
  readonly path: string;
  readonly value: unknown;
}

/**
 * Answers one review.
 * @param path of the request: `/inject` or `/inject/cluster/<c>/net/<n>`
 */
export function injectReview(review: AdmissionReview, config: InjectionConfig, path = '/inject'): AdmissionReview {
  const { apiVersion = 'admission.k8s.io/v1', kind = 'AdmissionReview', request } = review;
  if (request === undefined) throw new Error('the AdmissionReview has no request');
  return { apiVersion, kind, response: answer(request, config, path) };
}

/** What the answer means. */
export function outcomeOf(review: AdmissionReview): InjectionOutcome {
  if (review.response?.allowed !== true) return 'failed';
  return review.response.patch === undefined ? 'skipped' : 'injected';
}

function answer(
  request: NonNullable<AdmissionReview['request']>,
  config: InjectionConfig,
  path: string,
): AdmissionResponse {
  const { uid } = request;
  try {
    const pod = readPod(request.object);
    const namespace = request.namespace || pod.metadata.namespace || 'default';
    if (whyNotInjected(pod, namespace, config) !== undefined) return { uid, allowed: true };
    const injected = injectPod(pod, namespace, config, readPath(path));
    const patch = Buffer.from(JSON.stringify(patchOf(pod, injected))).toString('base64');
    return { uid, allowed: true, patchType: 'JSONPatch', patch, ...warningsOf(pod) };
  } catch (error) {
    return { uid, allowed: false, status: { message: `injection failed: ${(error as Error).message}`, code: 400 } };
  }
}

function readPod(object: unknown): Pod {
  const pod = object as Partial<Pod> | undefined;
  if (!Array.isArray(pod?.spec?.containers)) throw new Error('the object is no Pod with containers');
  return { ...pod, metadata: pod.metadata ?? {}, spec: pod.spec };
}

/** Whole values of the parts that changed: the patch reads like the result. */
function patchOf(before: Pod, after: Pod): PatchOperation[] {
  const changed = (path: string, old: object, now: object): PatchOperation[] =>
    Object.entries(now).flatMap(([key, value]) => {
      const isSame = JSON.stringify((old as Record<string, unknown>)[key]) === JSON.stringify(value);
      return isSame
        ? []
        : [
            {
              op: 'add' as const,
              path: `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
              value: value as unknown,
            },
          ];
    });
  return [...changed('/metadata', before.metadata, after.metadata), ...changed('/spec', before.spec, after.spec)];
}

function warningsOf(pod: Pod): { warnings?: string[] } {
  const policy = pod.spec.dnsPolicy;
  if (policy === undefined || policy === 'ClusterFirst') return {};
  return { warnings: [`dnsPolicy ${policy}: the proxy may not find istiod; ClusterFirst is expected`] };
}

/** `/inject/k/v/...`: cluster and net have names of their own, other keys become upper-case variables. */
export function readPath(path: string): PathSettings {
  const [, ...parts] = path
    .split('?')[0]!
    .replace(/^\/inject/, '')
    .split('/');
  const legacy =
    parts.length === 1 && parts[0]!.startsWith(':ENV:')
      ? parts[0]!
          .split(':ENV:')
          .slice(1)
          .flatMap((pair) => pair.split('='))
      : parts;
  const env: Record<string, string> = {};
  for (let i = 0; i + 1 < legacy.length; i += 2) {
    const key = legacy[i]!;
    const name = key === 'cluster' ? 'ISTIO_META_CLUSTER_ID' : key === 'net' ? 'ISTIO_META_NETWORK' : key.toUpperCase();
    if (name !== '') env[name] = decodeURIComponent(legacy[i + 1]!).replaceAll('--slash--', '/');
  }
  return { clusterId: env['ISTIO_META_CLUSTER_ID'], network: env['ISTIO_META_NETWORK'], env };
}
