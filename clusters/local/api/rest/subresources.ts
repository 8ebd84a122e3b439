// Subresources that the server answers itself: status, scale, token, binding, eviction.
import { readJsonPath, writePath } from '../crd/json-path.ts';
import { selectorText } from '../kinds/columns.ts';
import type { ResourceDefinition } from '../kinds/definition.ts';
import { type ApiObject, at, clone, type Fields, num, rec, recs, str } from '../object.ts';
import { mergePatch } from '../patch/json-merge.ts';
import * as status from '../status.ts';
import { parseBody } from './body.ts';
import { toDeleteOptions } from './delete-options.ts';
import { grantEviction } from './eviction.ts';
import type { HandlerParts } from './parts.ts';
import { type ApiRequest, readBody } from './request.ts';
import { answer, sendJson } from './respond.ts';

export class Subresources {
  readonly #parts: HandlerParts;

  constructor(parts: HandlerParts) {
    this.#parts = parts;
  }

  async serve(request: ApiRequest, definition: ResourceDefinition, namespace: string): Promise<void> {
    const { info, method, incoming, outgoing } = request;
    const { objects, store } = this.#parts;
    const body = async (): Promise<Fields> =>
      parseBody(await readBody(incoming), incoming.headers['content-type'] ?? 'application/json');
    switch (info.subresource) {
      case 'status':
      case 'finalize':
      case 'ephemeralcontainers': {
        const isKnown =
          info.subresource === 'status'
            ? definition.hasStatus
            : definition.subresources.some((sub) => sub.name === info.subresource);
        if (!isKnown) throw status.pathNotFound();
        await store.settled();
        if (method === 'GET') return answer(request, definition, 200, objects.find(definition, namespace, info.name));
        if (method === 'PUT')
          return answer(
            request,
            definition,
            200,
            await objects.update(definition, namespace, info.name, await body(), request),
          );
        if (method === 'PATCH')
          return answer(
            request,
            definition,
            200,
            await objects.patch(definition, namespace, info.name, await readBody(incoming), request),
          );
        throw status.methodNotAllowed();
      }
      case 'scale':
        if (definition.scale === undefined) throw status.pathNotFound();
        return this.#scale(request, definition, namespace);
      case 'token':
        if (definition.storage !== '/serviceaccounts' || method !== 'POST') throw status.pathNotFound();
        sendJson(outgoing, 201, this.#parts.reviews.requestToken(namespace, info.name, await body()), request.warnings);
        return;
      case 'binding':
        if (definition.storage !== '/pods' || method !== 'POST') throw status.pathNotFound();
        return this.bind(request);
      case 'eviction':
        if (definition.storage !== '/pods' || method !== 'POST') throw status.pathNotFound();
        return this.#evict(request, definition, namespace);
      default:
        throw status.pathNotFound();
    }
  }

  async #scale(request: ApiRequest, definition: ResourceDefinition, namespace: string): Promise<void> {
    const { info, method, incoming, outgoing } = request;
    const scale = definition.scale!;
    const { objects } = this.#parts;
    const show = (object: ApiObject): Fields => {
      const found = scale.selector === undefined ? undefined : readJsonPath(object, scale.selector)[0];
      const selector = found === undefined ? '' : typeof found === 'string' ? found : selectorText(found);
      return {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: {
          name: object.metadata.name,
          ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
          uid: object.metadata.uid,
          resourceVersion: object.metadata.resourceVersion,
          creationTimestamp: object.metadata.creationTimestamp,
        },
        spec: { replicas: num(readJsonPath(object, scale.specReplicas)[0]) },
        status: {
          replicas: num(readJsonPath(object, scale.statusReplicas)[0]),
          ...(selector === '' || selector === '<none>' ? {} : { selector }),
        },
      };
    };
    await this.#parts.store.settled();
    if (method === 'GET') {
      sendJson(outgoing, 200, show(objects.find(definition, namespace, info.name)), request.warnings);
      return;
    }
    if (method !== 'PUT' && method !== 'PATCH') throw status.methodNotAllowed();
    const raw = await readBody(incoming);
    const type = (incoming.headers['content-type'] ?? '').split(';')[0]!.trim();
    const changed = await objects.change(definition, namespace, info.name, '', request, (before) => {
      const current = show(before);
      const input = parseBody(raw, type.includes('yaml') ? type : 'application/json');
      const next = rec(method === 'PUT' ? input : mergePatch(current, input));
      const wanted = str(at(next, 'metadata', 'resourceVersion'));
      if (wanted !== '' && wanted !== before.metadata.resourceVersion) throw status.staleObject(definition, info.name);
      const replicas = at(next, 'spec', 'replicas') ?? 0;
      if (typeof replicas !== 'number' || replicas < 0)
        throw status.invalid('autoscaling', 'Scale', info.name, [
          {
            type: 'FieldValueInvalid',
            field: 'spec.replicas',
            message: `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`,
          },
        ]);
      const object = clone(before);
      writePath(object as unknown as Fields, scale.specReplicas, replicas);
      return { next: object, retry: wanted === '' };
    });
    sendJson(outgoing, 200, show(changed), request.warnings);
  }

  async bind(request: ApiRequest): Promise<void> {
    const { info, incoming, outgoing } = request;
    const input = parseBody(await readBody(incoming), incoming.headers['content-type'] ?? 'application/json');
    const definition = this.#parts.registry.find('', 'v1', 'pods')!;
    const name = info.name || str(at(input, 'metadata', 'name'));
    const node = str(at(input, 'target', 'name'));
    if (node === '') throw status.badRequest('target.name is required');
    await this.#parts.objects.change(definition, info.namespace, name, 'binding', request, (before) => {
      const held = str(at(before, 'spec', 'nodeName'));
      if (held !== '')
        throw status.conflict(
          { group: '', resource: 'pods/binding' },
          name,
          `pod ${name} is already assigned to node ${JSON.stringify(held)}`,
        );
      if (before.metadata.deletionTimestamp !== undefined)
        throw status.conflict(
          { group: '', resource: 'pods/binding' },
          name,
          `pod ${name} is being deleted, cannot be assigned to a host`,
        );
      const next = clone(before);
      rec(next['spec'])['nodeName'] = node;
      const podStatus = rec(next['status']);
      const conditions = recs(podStatus['conditions']).filter((condition) => condition['type'] !== 'PodScheduled');
      podStatus['conditions'] = [
        ...conditions,
        {
          type: 'PodScheduled',
          status: 'True',
          lastProbeTime: null,
          lastTransitionTime: `${new Date().toISOString().slice(0, 19)}Z`,
        },
      ];
      next['status'] = podStatus;
      return { next, retry: true };
    });
    sendJson(
      outgoing,
      201,
      { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
      request.warnings,
    );
  }

  async #evict(request: ApiRequest, definition: ResourceDefinition, namespace: string): Promise<void> {
    const { info, incoming, outgoing } = request;
    const input = parseBody(await readBody(incoming), incoming.headers['content-type'] ?? 'application/json');
    const pod = this.#parts.objects.find(definition, namespace, info.name);
    await grantEviction(this.#parts, pod, request);
    const options = rec(input['deleteOptions']);
    await this.#parts.objects.delete(definition, namespace, info.name, toDeleteOptions(options), request);
    sendJson(
      outgoing,
      201,
      { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
      request.warnings,
    );
  }

  /** Paths that are no resource: discovery, documents, health. */
}
