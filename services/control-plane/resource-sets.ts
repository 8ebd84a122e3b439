// (model, proxy) -> encoded resources, made once for each model and proxy; equal bytes keep their version over models.

import { type MessageName, type Node, packAny, typeUrlOf } from '#wire/xds.ts';
import { allResources, type Generated, generate, type ProxyNode, toProxyNode } from './generate/index.ts';
import type { Model } from './model/build.ts';
import { encodeResource, type EncodedResource, type ResourceSet } from './serve/resources.ts';

/** A connection, as far as it matters here; also the key under which its resources are kept. */
export interface ServedProxy {
  /** SPIFFE ids that it has proved. */
  readonly identities: readonly string[];
}

export class ResourceSets {
  #model: Model | undefined;
  #sets = new WeakMap<object, ResourceSet>();
  readonly #encoded = new WeakMap<object, EncodedResource>();
  readonly #proxies = new WeakMap<object, ProxyNode>();

  get model(): Model | undefined {
    return this.#model;
  }

  use(model: Model): void {
    this.#model = model;
    this.#sets = new WeakMap();
  }

  /** The resources of a connection's proxy; undefined before the first model, and for nodes of no known kind. */
  for(node: Node, connection: ServedProxy): ResourceSet | undefined {
    if (this.#model === undefined) return undefined;
    const known = this.#sets.get(connection);
    if (known !== undefined) return known;
    const proxy = this.#proxies.get(connection) ?? toProxyNode(node);
    if (proxy === undefined) return undefined;
    this.#proxies.set(connection, proxy);
    const generated = generate(this.#model, proxy);
    const isTrusted = mayHaveSecrets(this.#model, proxy, connection.identities);
    const set = this.#encodeAll(allResources(isTrusted ? generated : { ...generated, secrets: [] }));
    this.#sets.set(connection, set);
    return set;
  }

  #encodeAll(resources: readonly Generated<MessageName>[]): ResourceSet {
    const result = new Map<string, Map<string, EncodedResource>>();
    for (const resource of resources) {
      const typeUrl = typeUrlOf(resource.type);
      const byName = result.get(typeUrl) ?? new Map<string, EncodedResource>();
      result.set(typeUrl, byName.set(resource.name, this.#encode(resource)));
    }
    return result;
  }

  /** What generators share is encoded once. */
  #encode(resource: Generated<MessageName>): EncodedResource {
    const known = this.#encoded.get(resource);
    if (known !== undefined) return known;
    const encoded = encodeResource(resource.name, packAny(resource.type, resource.message));
    this.#encoded.set(resource, encoded);
    return encoded;
  }
}

/** Anybody may claim to be a gateway: private keys go only to the account that the named pod runs as. */
function mayHaveSecrets(model: Model, proxy: ProxyNode, identities: readonly string[]): boolean {
  const pod = model.pods.get(`${proxy.namespace}/${proxy.name}`);
  if (pod === undefined) return false;
  return identities.some((identity) => identity.endsWith(`/ns/${pod.namespace}/sa/${pod.serviceAccount}`));
}
