// (model, proxy) -> encoded resources, made once for each model and proxy; equal bytes keep their version over models.

import { type MessageName, type Node, packAny, typeUrlOf } from '#wire/xds.ts';
import { allResources, type Generated, generate, type ProxyNode, toProxyNode } from './generate/index.ts';
import type { Model } from './model/build.ts';
import { encodeResource, type EncodedResource, type ResourceSet } from './serve/resources.ts';

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
  for(node: Node, connection: object): ResourceSet | undefined {
    if (this.#model === undefined) return undefined;
    const known = this.#sets.get(connection);
    if (known !== undefined) return known;
    const proxy = this.#proxies.get(connection) ?? toProxyNode(node);
    if (proxy === undefined) return undefined;
    this.#proxies.set(connection, proxy);
    const set = this.#encodeAll(allResources(generate(this.#model, proxy)));
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
