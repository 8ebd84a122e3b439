// The injection webhook without its port: AdmissionReview in, AdmissionReview with a JSON patch out. Pure.

/** admission.k8s.io/v1 AdmissionReview, as far as injection reads and writes it. */
export interface AdmissionReview {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request?: {
    readonly uid: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly object?: unknown;
    readonly dryRun?: boolean;
  };
  readonly response?: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patchType?: 'JSONPatch';
    /** base64 of an RFC 6902 patch */
    readonly patch?: string;
    readonly status?: { readonly message: string; readonly code?: number };
    readonly warnings?: readonly string[];
  };
}

/** ConfigMaps that steer injection, parsed by parseInjectionConfig. */
export interface InjectionSources {
  /** ConfigMap istio-sidecar-injector, key `config` (YAML). */
  readonly injectorConfigYaml: string;
  /** The same, key `values` (JSON). */
  readonly valuesJson: string;
  /** ConfigMap istio, key `mesh` (YAML). */
  readonly meshConfigYaml: string;
  /** The revision this istiod serves. @default 'default' */
  readonly revision?: string;
}

/** Opaque to callers. */
export interface InjectionConfig {
  readonly sources: InjectionSources;
}

/** Checks the configuration once; throws an Error that names the template and the line when it is wrong. */
export function parseInjectionConfig(sources: InjectionSources): InjectionConfig {
  return { sources };
}

/**
 * Answers one review.
 * @param path of the request: `/inject` or `/inject/cluster/<c>/net/<n>`
 */
export function injectReview(_review: AdmissionReview, _config: InjectionConfig, _path = '/inject'): AdmissionReview {
  throw new Error('BUG: injection is not built yet');
}
