// The life of an object: create, update, patch and delete with defaults, admission, validation and optimistic locking.
import { randomUUID } from 'node:crypto';
import { FieldProblems } from '../field-problems.ts';
import type { ServiceAllocation } from '../kinds/allocation.ts';
import { apiVersionOf, type ResourceDefinition } from '../kinds/definition.ts';
import { type ApiObject, clone, type Fields, isEqual, isFields, nowText, num, rec, strings } from '../object.ts';
import { applyConfiguration, type FieldManager, trackUpdate } from '../patch/apply.ts';
import * as status from '../status.ts';
import type { Store } from '../storage/store.ts';
import type { Admission } from './admission.ts';
import { parseYaml, toObject } from './body.ts';
import { carryOver, countGeneration } from './carry-over.ts';
import { generatedName, validateMetadata } from './metadata.ts';
import { patchOf } from './patch-body.ts';
import type { ApiRequest } from './request.ts';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** Attempts of a write that gave no resource version, when other writes come first. */
const maxAttempts = 20;

export class ObjectService {
  readonly #store: Store;
  readonly #admission: Admission;
  readonly #services: ServiceAllocation;

  constructor(store: Store, admission: Admission, services: ServiceAllocation) {
    this.#store = store;
    this.#admission = admission;
    this.#services = services;
  }

  /** The stored object in the version of the definition. */
  find(definition: ResourceDefinition, namespace: string, name: string): ApiObject {
    const stored = this.#store.get(definition.storage, namespace, name);
    if (stored === undefined) throw status.notFound(definition, name);
    return present(stored, definition);
  }

  async create(
    definition: ResourceDefinition,
    namespace: string,
    raw: Fields,
    request: ApiRequest,
  ): Promise<ApiObject> {
    const object = toObject(raw, definition, request);
    return this.createObject(definition, namespace, object, request, (ready) =>
      trackUpdate(ready, undefined, definition.schema, managerOf(request, definition, 'Update', '')),
    );
  }

  async createObject(
    definition: ResourceDefinition,
    namespace: string,
    input: ApiObject,
    request: ApiRequest,
    track: (ready: ApiObject) => void,
  ): Promise<ApiObject> {
    let object = input;
    const { metadata } = object;
    if (definition.namespaced) {
      if (metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== namespace)
        throw status.badRequest(
          'the namespace of the provided object does not match the namespace sent on the request',
        );
      metadata.namespace = namespace;
    } else delete metadata.namespace;
    if ((metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '')
      metadata.name = generatedName(metadata.generateName!);
    if ((metadata.resourceVersion ?? '') !== '')
      throw status.badRequest('resourceVersion should not be set on objects to be created');
    metadata.uid = randomUUID();
    metadata.creationTimestamp = nowText();
    delete metadata.deletionTimestamp;
    delete metadata.deletionGracePeriodSeconds;
    delete metadata.resourceVersion;
    if (definition.hasGeneration) metadata.generation = 1;
    else delete metadata.generation;
    if (definition.custom !== undefined && definition.hasStatus) delete object['status'];
    this.#default(definition, object);
    const attributes = {
      operation: 'CREATE' as const,
      definition,
      namespace,
      name: metadata.name ?? '',
      subresource: '',
      before: undefined,
      dryRun: isDryRun(request),
      request,
    };
    // Ownership is noted before admission and the kind's own preparation: what those add belongs to nobody.
    track(object);
    const uid = metadata.uid;
    object = (await this.#admission.mutate({ ...attributes, object })) ?? object;
    object.metadata.uid = uid;
    this.#default(definition, object);
    definition.rules.prepareCreate?.(object);
    this.#validate(definition, object, undefined);
    await this.#admission.validate({ ...attributes, object });
    if (definition.storage === '/services') this.#services.assign(object, undefined);
    if (this.#store.get(definition.storage, object.metadata.namespace ?? '', object.metadata.name) !== undefined)
      throw status.alreadyExists(definition, object.metadata.name);
    if (attributes.dryRun) return object;
    const stored = toStored(object, definition);
    const done = this.#store.put(definition.storage, stored, undefined);
    if (done === undefined) throw status.alreadyExists(definition, object.metadata.name);
    return present(await done, definition);
  }

  /** PUT: the whole object, or one subresource of it. Creates are not done by PUT, except for kinds that allow it upstream. */
  async update(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    raw: Fields,
    request: ApiRequest,
  ): Promise<ApiObject> {
    const subresource = request.info.subresource;
    const base = toObject(raw, definition, request);
    if ((base.metadata.name ?? '') === '') throw invalidName(definition, name);
    if (base.metadata.name !== name)
      throw status.badRequest(
        `the name of the object (${base.metadata.name}) does not match the name on the URL (${name})`,
      );
    if (definition.namespaced && (base.metadata.namespace ?? namespace) !== namespace)
      throw status.badRequest(
        `the namespace of the object (${base.metadata.namespace}) does not match the namespace on the request (${namespace})`,
      );
    return this.change(definition, namespace, name, subresource, request, (before) => {
      const wanted = base.metadata.resourceVersion ?? '';
      if (wanted !== '' && wanted !== before.metadata.resourceVersion) throw status.staleObject(definition, name);
      if ((base.metadata.uid ?? '') !== '' && base.metadata.uid !== before.metadata.uid)
        throw status.conflict(
          definition,
          name,
          `Precondition failed: UID in precondition: ${base.metadata.uid}, UID in object meta: ${before.metadata.uid}`,
        );
      return { next: clone(base), retry: wanted === '' };
    });
  }

  async patch(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    body: Buffer,
    request: ApiRequest,
  ): Promise<ApiObject> {
    const type = (request.incoming.headers['content-type'] ?? '').split(';')[0]!.trim();
    const subresource = request.info.subresource;
    if (type === 'application/apply-patch+yaml') return this.#apply(definition, namespace, name, body, request);
    const transform = patchOf(type, body, definition);
    return this.change(definition, namespace, name, subresource, request, (before) => {
      const patched = transform(before);
      const next = toObject(patched, definition, request);
      const wanted = next.metadata.resourceVersion ?? '';
      if (wanted !== before.metadata.resourceVersion && wanted !== '') throw status.staleObject(definition, name);
      if (next.metadata.name !== name)
        throw status.badRequest(
          `the name of the object (${next.metadata.name}) does not match the name on the URL (${name})`,
        );
      return { next, retry: true };
    });
  }

  async #apply(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    body: Buffer,
    request: ApiRequest,
  ): Promise<ApiObject> {
    let raw: unknown;
    try {
      raw = parseYaml(body.toString('utf8'));
    } catch (error) {
      throw status.badRequest(`error decoding YAML: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (!isFields(raw)) throw status.badRequest('error decoding YAML: expected an object');
    const manager = request.query.get('fieldManager') ?? '';
    if (manager === '') throw optionsInvalid('fieldManager', 'is required for apply patch');
    const config = toObject(raw, definition, request);
    if (config.metadata.managedFields !== undefined) throw status.badRequest('metadata.managedFields must be nil');
    config.metadata.name ??= name;
    if (config.metadata.name !== name)
      throw status.badRequest(
        `the name of the object (${config.metadata.name}) does not match the name on the URL (${name})`,
      );
    if (definition.namespaced) config.metadata.namespace = namespace;
    const force = request.query.get('force') === 'true';
    const by = managerOf(request, definition, 'Apply', request.info.subresource);
    for (let attempt = 0; ; attempt += 1) {
      const stored = this.#store.get(definition.storage, namespace, name);
      if (stored !== undefined || request.info.subresource !== '')
        return this.change(definition, namespace, name, request.info.subresource, request, (before) => ({
          next: applyConfiguration(before, clone(config), definition.schema, by, force),
          retry: true,
          isApplied: true,
        }));
      try {
        const created = applyConfiguration(undefined, clone(config), definition.schema, by, force);
        const managed = created.metadata.managedFields;
        request.outgoing.statusCode = 201;
        return await this.createObject(definition, namespace, created, request, (ready) => {
          if (managed !== undefined) ready.metadata.managedFields = managed;
        });
      } catch (error) {
        if (!(error instanceof status.ApiError) || error.reason !== 'AlreadyExists' || attempt >= maxAttempts)
          throw error;
        request.outgoing.statusCode = 200;
      }
    }
  }

  /** Reads, changes and writes back, again when another write came first and the change allows it. */
  async change(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    subresource: string,
    request: ApiRequest,
    make: (before: ApiObject) => { next: ApiObject; retry: boolean; isApplied?: boolean },
  ): Promise<ApiObject> {
    for (let attempt = 0; ; attempt += 1) {
      const stored = this.#store.get(definition.storage, namespace, name);
      if (stored === undefined) throw status.notFound(definition, name);
      const before = present(stored, definition);
      const made = make(before);
      let next = carryOver(definition, made.next, before, subresource);
      this.#default(definition, next);
      if (made.isApplied !== true && subresource !== 'binding')
        trackUpdate(next, before, definition.schema, managerOf(request, definition, 'Update', subresource));
      const attributes = {
        operation: 'UPDATE' as const,
        definition,
        namespace,
        name,
        subresource,
        before,
        dryRun: isDryRun(request),
        request,
      };
      next = (await this.#admission.mutate({ ...attributes, object: next })) ?? next;
      next = carryOver(definition, next, before, subresource);
      this.#default(definition, next);
      if (subresource === '') definition.rules.prepareUpdate?.(next, before);
      if (definition.storage === '/services' && subresource === '') this.#services.assign(next, before);
      if (subresource === '') this.#validate(definition, next, before);
      else if (definition.custom !== undefined) this.#validate(definition, next, before);
      await this.#admission.validate({ ...attributes, object: next });
      if (subresource !== 'binding') countGeneration(definition, next, before);
      next.metadata.resourceVersion = before.metadata.resourceVersion!;
      if (isUnchanged(next, before)) {
        await this.#store.settled();
        return before;
      }
      if (attributes.dryRun) return next;
      const done = this.#finish(definition, toStored(next, definition), stored);
      if (done !== undefined) return present(await done, definition);
      if (!made.retry || attempt >= maxAttempts) throw status.staleObject(definition, name);
    }
  }

  /** Stores an update, or removes the object when the update took its last finalizer away. */
  #finish(definition: ResourceDefinition, next: ApiObject, stored: ApiObject): Promise<ApiObject> | undefined {
    const { metadata } = next;
    const isEnding = metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    const isHeld = num(metadata.deletionGracePeriodSeconds) > 0 && definition.rules.gracePeriodSeconds !== undefined;
    const isNamespaceHeld = definition.storage === '/namespaces' && strings(rec(next['spec'])['finalizers']).length > 0;
    if (isEnding && !isHeld && !isNamespaceHeld) return this.#store.delete(definition.storage, stored, next);
    return this.#store.put(definition.storage, next, stored);
  }

  #default(definition: ResourceDefinition, object: ApiObject): void {
    definition.rules.defaults?.(object);
    definition.custom?.default(object);
  }

  #validate(definition: ResourceDefinition, object: ApiObject, before: ApiObject | undefined): void {
    const problems = new FieldProblems();
    validateMetadata(object, definition, problems);
    definition.rules.validate?.(object, problems);
    if (before !== undefined) definition.rules.validateUpdate?.(object, before, problems);
    definition.custom?.validate(object, before, problems);
    if (problems.all.length > 0)
      throw status.invalid(definition.group, definition.kind, object.metadata.name ?? '', problems.all);
  }

  async delete(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    options: DeleteOptions,
    request: ApiRequest,
  ): Promise<{ object: ApiObject; isGone: boolean }> {
    for (;;) {
      const stored = this.#store.get(definition.storage, namespace, name);
      if (stored === undefined) throw status.notFound(definition, name);
      const before = present(stored, definition);
      if (options.uid !== undefined && options.uid !== before.metadata.uid)
        throw status.conflict(
          definition,
          name,
          `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${before.metadata.uid}`,
        );
      if (options.resourceVersion !== undefined && options.resourceVersion !== before.metadata.resourceVersion)
        throw status.conflict(
          definition,
          name,
          `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${before.metadata.resourceVersion}`,
        );
      const dryRun = isDryRun(request);
      await this.#admission.validate({
        operation: 'DELETE',
        definition,
        namespace,
        name,
        subresource: '',
        object: undefined,
        before,
        dryRun,
        request,
      });
      const next = clone(stored);
      const { metadata } = next;
      const finalizers = new Set(metadata.finalizers ?? []);
      const policy = options.propagationPolicy;
      if (policy !== undefined) {
        finalizers.delete('orphan');
        finalizers.delete('foregroundDeletion');
        if (policy === 'Orphan') finalizers.add('orphan');
        if (policy === 'Foreground') finalizers.add('foregroundDeletion');
      }
      const natural = definition.rules.gracePeriodSeconds?.(before);
      // Zero from the client means at once; a pod without a node or one that ended needs no grace at all.
      const grace = natural === undefined || natural === 0 ? 0 : (options.gracePeriodSeconds ?? natural);
      const isNamespace = definition.storage === '/namespaces';
      const isHeld =
        finalizers.size > 0 || grace > 0 || (isNamespace && strings(rec(next['spec'])['finalizers']).length > 0);
      if (dryRun) return { object: before, isGone: !isHeld };
      if (!isHeld) {
        const done = this.#store.delete(definition.storage, stored);
        if (done === undefined) continue;
        return { object: present(await done, definition), isGone: true };
      }
      if (finalizers.size > 0) metadata.finalizers = [...finalizers];
      const isFirst = metadata.deletionTimestamp === undefined;
      if (isFirst || (metadata.deletionGracePeriodSeconds ?? 0) > grace) {
        metadata.deletionTimestamp = isFirst
          ? `${new Date(Date.now() + grace * 1000).toISOString().slice(0, 19)}Z`
          : nowText();
        metadata.deletionGracePeriodSeconds = grace;
        if (definition.hasGeneration && isFirst) metadata.generation = (metadata.generation ?? 0) + 1;
      }
      if (isNamespace) next['status'] = { ...rec(next['status']), phase: 'Terminating' };
      if (isEqual(next, stored)) return { object: before, isGone: false };
      const done = this.#store.put(definition.storage, next, stored);
      if (done === undefined) continue;
      return { object: present(await done, definition), isGone: false };
    }
  }
}

/** Stored form to the definition's version. */
export function present(stored: ApiObject, definition: ResourceDefinition): ApiObject {
  if (definition.conversion !== undefined) return definition.conversion.fromStored(stored);
  const apiVersion = apiVersionOf(definition);
  return stored.apiVersion === apiVersion ? stored : { ...stored, apiVersion };
}

const toStored = (object: ApiObject, definition: ResourceDefinition): ApiObject =>
  definition.conversion === undefined ? object : definition.conversion.toStored(object);

export const isDryRun = (request: ApiRequest): boolean => request.query.getAll('dryRun').includes('All');

function managerOf(
  request: ApiRequest,
  definition: ResourceDefinition,
  operation: FieldManager['operation'],
  subresource: string,
): FieldManager {
  const agent = (request.incoming.headers['user-agent'] ?? 'unknown').split('/')[0]!.slice(0, 128);
  return {
    manager: request.query.get('fieldManager') || agent,
    operation,
    subresource,
    apiVersion: apiVersionOf(definition),
  };
}

/** Equal apart from times in managedFields: such a write is none. */
function isUnchanged(next: ApiObject, before: ApiObject): boolean {
  const plain = (object: ApiObject): unknown => {
    const managed = object.metadata.managedFields?.map(({ time: _, ...entry }) => entry);
    return { ...object, metadata: { ...object.metadata, managedFields: managed } };
  };
  return isEqual(plain(next), plain(before));
}

const optionsInvalid = (field: string, detail: string): status.ApiError =>
  status.invalid('meta.k8s.io', 'PatchOptions', '', [
    { type: 'FieldValueRequired', field, message: `Required value: ${detail}` },
  ]);
const invalidName = (definition: ResourceDefinition, name: string): status.ApiError =>
  status.badRequest(
    `the name of the object (${''}) does not match the name on the URL (${name}) for ${definition.resource}`,
  );
