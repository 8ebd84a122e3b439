// The Kubernetes API, listed and watched, as the Resources of which the model is built. Objects that do not validate are
// left out, so that they disturb nobody; changes that no generator could see (status, heartbeats) make no noise.
import type { KindDefinition } from '#api/definition.ts';
import { destinationRule } from '#api/destination-rule.ts';
import { gateway } from '#api/gateway.ts';
import { ConfigMapName, SYSTEM_NAMESPACE } from '#api/names.ts';
import { authorizationPolicy } from '#api/authorization-policy.ts';
import { peerAuthentication } from '#api/peer-authentication.ts';
import { formatProblem, isError } from '#api/problem.ts';
import { virtualService } from '#api/virtual-service.ts';
import { Informer, type KubeClient, type KubeObject, type ResourceRef, refs } from '#lib/kube/index.ts';
import type { EndpointSliceResource, MeshSettings, PodResource, Resource, Resources } from '../model/resources.ts';
import { type SecretObject, toCredential } from './credentials.ts';
import { parseMeshSettings } from './mesh-settings.ts';
import { reportUnsupportedKinds } from './unsupported-kinds.ts';

interface ConfigMapObject extends KubeObject {
  data?: Record<string, string> | undefined;
}

/** What changed, as istiod names triggers in `pilot_push_triggers`. */
export type ChangeKind = 'endpoint' | 'service' | 'config' | 'secret' | 'global';

export interface ResourceStoreOptions {
  readonly client: KubeClient;
  /** Where the mesh's ConfigMap lives. @default 'istio-system' */
  readonly systemNamespace?: string | undefined;
  /** @default 'istio' */
  readonly meshConfigMap?: string | undefined;
  readonly log: (line: string) => void;
}

export class ResourceStore {
  readonly #options: ResourceStoreOptions;
  readonly #informers = new Map<string, Informer>();
  readonly #rejected = new Map<string, string>();
  readonly #verdicts = new WeakMap<KubeObject, boolean>();
  readonly #configMaps: Informer<ConfigMapObject>;
  readonly #meshConfigMap: string;
  #settings: { readonly text: string | undefined; readonly value: MeshSettings };

  constructor(options: ResourceStoreOptions) {
    this.#options = options;
    this.#settings = { text: undefined, value: parseMeshSettings(undefined) };
    const onError = (ref: string) => (error: unknown) => options.log(`watching ${ref}: ${(error as Error).message}`);
    for (const [name, ref] of Object.entries(WATCHED))
      this.#informers.set(name, new Informer({ client: options.client, ref, onError: onError(ref.plural) }));
    this.#meshConfigMap = options.meshConfigMap ?? ConfigMapName.mesh;
    this.#configMaps = new Informer<ConfigMapObject>({
      client: options.client,
      ref: refs.configMaps,
      namespace: options.systemNamespace ?? SYSTEM_NAMESPACE,
      onError: onError('the mesh configuration'),
    });
  }

  /** Lists and watches until the signal aborts; resolves when everything has been read once. */
  async start(onChange: (kind: ChangeKind) => void, signal: AbortSignal): Promise<void> {
    const all: Informer[] = [...this.#informers.values(), this.#configMaps as unknown as Informer];
    for (const [name, informer] of this.#informers) {
      const kind = CHANGES[name as Watched];
      informer.subscribe({
        add: () => onChange(kind),
        delete: () => onChange(kind),
        update: (now, old) => {
          if (isVisibleChange(name as Watched, now, old)) onChange(kind);
        },
      });
    }
    const ifMesh = ({ metadata }: KubeObject): void => {
      if (metadata.name === this.#meshConfigMap) onChange('global');
    };
    this.#configMaps.subscribe({ add: ifMesh, update: ifMesh, delete: ifMesh });
    for (const informer of all) informer.start(signal);
    const supported = new Set(Object.values(WATCHED).map(({ kind }) => kind));
    reportUnsupportedKinds({ client: this.#options.client, supported, log: this.#options.log }, signal);
    await Promise.race([Promise.all(all.map((informer) => informer.synced)), aborted(signal)]);
  }

  get hasSynced(): boolean {
    return this.#configMaps.hasSynced && this.unsynced().length === 0;
  }

  /** Resource types that have not been read yet. */
  unsynced(): string[] {
    return [...this.#informers].filter(([, informer]) => !informer.hasSynced).map(([name]) => name);
  }

  /** Objects that are left out: `<kind> <namespace>/<name>` -> why. */
  get rejected(): ReadonlyMap<string, string> {
    return this.#rejected;
  }

  /** Data of a ConfigMap in the system namespace. */
  configMap(name: string): Readonly<Record<string, string>> | undefined {
    return this.#configMaps.list().find(({ metadata }) => metadata.name === name)?.data;
  }

  snapshot(): Resources {
    return {
      mesh: this.#meshSettings(),
      services: this.#list('services') as unknown as Resources['services'],
      endpointSlices: this.#list('endpointSlices') as unknown as EndpointSliceResource[],
      pods: this.#list('pods') as unknown as PodResource[],
      virtualServices: this.#valid('virtualServices', virtualService),
      destinationRules: this.#valid('destinationRules', destinationRule),
      gateways: this.#valid('gateways', gateway),
      peerAuthentications: this.#valid('peerAuthentications', peerAuthentication),
      authorizationPolicies: this.#valid('authorizationPolicies', authorizationPolicy),
      credentials: this.#list('secrets').flatMap((secret) => toCredential(secret as SecretObject) ?? []),
    };
  }

  #list(name: Watched): KubeObject[] {
    return this.#informers.get(name)!.list();
  }

  #valid<Spec>(name: Watched, definition: KindDefinition<Spec>): Resource<Spec>[] {
    return this.#list(name).filter((object) => this.#isValid(object, definition)) as unknown as Resource<Spec>[];
  }

  #isValid<Spec>(object: KubeObject, definition: KindDefinition<Spec>): boolean {
    const known = this.#verdicts.get(object);
    if (known !== undefined) return known;
    const key = `${definition.kind} ${object.metadata.namespace}/${object.metadata.name}`;
    const errors = definition.validate(object).filter(isError);
    this.#verdicts.set(object, errors.length === 0);
    if (errors.length === 0) {
      this.#rejected.delete(key);
      return true;
    }
    const reason = errors.map(formatProblem).join('; ');
    if (this.#rejected.get(key) !== reason) this.#options.log(`${key} is left out: ${reason}`);
    this.#rejected.set(key, reason);
    return false;
  }

  #meshSettings(): MeshSettings {
    const text = this.configMap(this.#meshConfigMap)?.['mesh'];
    if (text === this.#settings.text) return this.#settings.value;
    try {
      this.#settings = { text, value: parseMeshSettings(text) };
    } catch (error) {
      this.#options.log(`mesh configuration: ${(error as Error).message}; the last good one stays in force`);
      this.#settings = { text, value: this.#settings.value };
    }
    return this.#settings.value;
  }
}

const refOf = (definition: KindDefinition): ResourceRef => ({
  group: definition.group,
  version: definition.version,
  plural: definition.plural,
  kind: definition.kind,
  namespaced: true,
});

const WATCHED = {
  services: refs.services,
  endpointSlices: refs.endpointSlices,
  pods: refs.pods,
  secrets: refs.secrets,
  virtualServices: refOf(virtualService),
  destinationRules: refOf(destinationRule),
  gateways: refOf(gateway),
  peerAuthentications: refOf(peerAuthentication),
  authorizationPolicies: refOf(authorizationPolicy),
} as const satisfies Record<string, ResourceRef>;

type Watched = keyof typeof WATCHED;

const CHANGES: Readonly<Record<Watched, ChangeKind>> = {
  services: 'service',
  endpointSlices: 'endpoint',
  pods: 'endpoint',
  secrets: 'secret',
  virtualServices: 'config',
  destinationRules: 'config',
  gateways: 'config',
  peerAuthentications: 'config',
  authorizationPolicies: 'config',
};

/** Whether an update can change what is generated. */
function isVisibleChange(name: Watched, now: KubeObject, old: KubeObject): boolean {
  if (name === 'endpointSlices' || name === 'secrets') return true;
  const labels = ({ metadata }: KubeObject): string => JSON.stringify([metadata.labels, metadata.annotations]);
  if (labels(now) !== labels(old)) return true;
  if (name === 'pods') {
    const address = (pod: KubeObject): string | undefined => (pod as unknown as PodResource).status?.podIP;
    return address(now) !== address(old);
  }
  return JSON.stringify(now.spec) !== JSON.stringify(old.spec);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
