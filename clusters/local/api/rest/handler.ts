// One request from end to end: who, what, whether allowed, and the answer; the one place where errors become Status.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { anonymous, authenticate, impersonated } from '../auth/authenticate.ts';
import { denial, type RbacAuthorizer } from '../auth/rbac.ts';
import { type Reviews, reviewResources } from '../auth/reviews.ts';
import { issuer, type ServiceAccountTokens } from '../auth/tokens.ts';
import { readJsonPath, writePath } from '../crd/json-path.ts';
import { selectorText } from '../kinds/columns.ts';
import { apiVersionOf, type ResourceDefinition } from '../kinds/definition.ts';
import type { ResourceRegistry } from '../kinds/registry.ts';
import { type ApiObject, at, clone, type Fields, isFields, num, rec, recs, str } from '../object.ts';
import { mergePatch } from '../patch/json-merge.ts';
import { isStream, type NodeProxy } from '../proxy/node-proxy.ts';
import { requestMatch } from '../selectors.ts';
import * as status from '../status.ts';
import type { Store } from '../storage/store.ts';
import { parseBody } from './body.ts';
import { aggregated, allGroups, groupDocument, resourceList } from './discovery.ts';
import { grantEviction } from './eviction.ts';
import { type DeleteOptions, type ObjectService, present } from './object-service.ts';
import type { OpenApi } from './openapi.ts';
import { type ApiRequest, parseRequestInfo, readBody } from './request.ts';
import { presentationOf, toPartialMetadata, toTable } from './table.ts';
import { serveWatch } from './watch.ts';

export interface HandlerParts {
  readonly store: Store;
  readonly registry: ResourceRegistry;
  readonly objects: ObjectService;
  readonly authorizer: RbacAuthorizer;
  readonly tokens: ServiceAccountTokens;
  readonly reviews: Reviews;
  readonly openApi: OpenApi;
  readonly proxy: NodeProxy;
  readonly signal: AbortSignal;
}

export const version = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.4+rigging',
  gitCommit: 'rigging',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: 'go1.24',
  compiler: 'gc',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};

const healthPaths = new Set(['/healthz', '/livez', '/readyz', '/version', '/version/']);

export class Handler {
  readonly #parts: HandlerParts;
  readonly #counts = new Map<string, number>();

  constructor(parts: HandlerParts) {
    this.#parts = parts;
  }

  async handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    let verb = incoming.method ?? '';
    try {
      const request = this.#open(incoming, outgoing);
      verb = request.info.verb;
      await this.#dispatch(request);
    } catch (error) {
      const failure = toApiError(error);
      if (outgoing.headersSent) outgoing.destroy();
      else sendJson(outgoing, failure.code, failure.toStatus());
      incoming.resume();
    }
    const key = `${verb}\u0000${outgoing.statusCode}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      const outgoing = { statusCode: 0 } as ServerResponse;
      const request = this.#open(incoming, outgoing);
      if (!isStream(request.info)) throw status.badRequest('this path does not support protocol upgrades');
      this.#parts.proxy.upgrade(request, socket, head);
    } catch (error) {
      const failure = toApiError(error);
      const body = JSON.stringify(failure.toStatus());
      socket.end(
        `HTTP/1.1 ${failure.code} Error\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    }
  }

  /** Authenticates and authorizes. */
  #open(incoming: IncomingMessage, outgoing: ServerResponse): ApiRequest {
    const url = incoming.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
    const method = incoming.method ?? 'GET';
    const caller = authenticate(incoming, this.#parts.tokens);
    const user = impersonated(incoming, caller, this.#parts.authorizer);
    const info = parseRequestInfo(method, path, query);
    const question = info.isResource
      ? {
          user,
          verb: info.verb,
          group: info.group,
          resource: info.resource,
          subresource: info.subresource,
          namespace: info.namespace,
          name: info.name,
        }
      : { user, verb: info.verb, path };
    const isHealth = healthPaths.has(path) || /^\/(healthz|livez|readyz)\//.test(path);
    if (!isHealth && !this.#parts.authorizer.allows(question)) {
      const name = info.isResource ? info.name : '';
      if (info.isResource) throw status.forbidden(info, name, denial(question));
      throw new status.ApiError(403, 'Forbidden', `forbidden: ${denial(question)}`, {});
    }
    if (user === anonymous && !isHealth && info.isResource) throw status.unauthorized();
    return { info, method, query, user, incoming, outgoing, warnings: [] };
  }

  async #dispatch(request: ApiRequest): Promise<void> {
    const { info, outgoing } = request;
    if (!info.isResource) return this.#plain(request);
    if (isStream(info)) return this.#parts.proxy.serve(request);
    const review = reviewResources.find(
      (item) => item.group === info.group && item.resource === info.resource && info.version === 'v1',
    );
    if (review !== undefined) {
      if (request.method !== 'POST') throw status.methodNotAllowed();
      const input = parseBody(
        await readBody(request.incoming),
        request.incoming.headers['content-type'] ?? 'application/json',
      );
      sendJson(
        outgoing,
        201,
        this.#parts.reviews.answer(
          review.kind,
          { apiVersion: `${review.group}/v1`, ...input },
          request.user,
          info.namespace,
        ),
      );
      return;
    }
    const definition = this.#parts.registry.find(info.group, info.version, info.resource);
    if (definition === undefined) {
      if (info.group === '' && info.resource === 'bindings' && request.method === 'POST') return this.#bind(request);
      throw status.pathNotFound();
    }
    if (definition.namespaced && info.namespace === '' && info.name !== '')
      throw status.badRequest('namespace is required');
    const namespace = definition.namespaced ? info.namespace : '';
    if (info.subresource !== '') return this.#subresource(request, definition, namespace);
    const { objects } = this.#parts;
    switch (info.verb) {
      case 'get':
        await this.#parts.store.settled();
        return this.#answer(request, definition, 200, objects.find(definition, namespace, info.name));
      case 'list':
        return this.#list(request, definition);
      case 'watch': {
        const named = info.name === '' ? '' : `metadata.name=${info.name}`;
        if (named !== '')
          request.query.set('fieldSelector', [request.query.get('fieldSelector'), named].filter(Boolean).join(','));
        return serveWatch(
          request,
          definition,
          this.#parts.store,
          requestMatch(request.query, definition),
          this.#parts.signal,
        );
      }
      case 'create': {
        const raw = parseBody(
          await readBody(request.incoming),
          request.incoming.headers['content-type'] ?? 'application/json',
        );
        if (definition.namespaced && namespace === '')
          throw status.badRequest('namespace is required to create this object');
        return this.#answer(request, definition, 201, await objects.create(definition, namespace, raw, request));
      }
      case 'update': {
        const raw = parseBody(
          await readBody(request.incoming),
          request.incoming.headers['content-type'] ?? 'application/json',
        );
        return this.#answer(
          request,
          definition,
          200,
          await objects.update(definition, namespace, info.name, raw, request),
        );
      }
      case 'patch': {
        const body = await readBody(request.incoming);
        const object = await objects.patch(definition, namespace, info.name, body, request);
        return this.#answer(request, definition, outgoing.statusCode === 201 ? 201 : 200, object);
      }
      case 'delete': {
        const options = await deleteOptions(request);
        const { object, isGone } = await objects.delete(definition, namespace, info.name, options, request);
        if (isGone && definition.storage !== '/pods') {
          sendJson(outgoing, 200, success(definition, object), request.warnings);
          return;
        }
        return this.#answer(request, definition, 200, object);
      }
      case 'deletecollection': {
        const options = await deleteOptions(request);
        const match = requestMatch(request.query, definition);
        const chosen = this.#parts.store
          .list(definition.storage, definition.namespaced && namespace !== '' ? namespace : undefined)
          .filter((object) => match === undefined || match(present(object, definition)));
        const items: ApiObject[] = [];
        for (const object of chosen)
          try {
            items.push(
              (
                await objects.delete(
                  definition,
                  object.metadata.namespace ?? '',
                  object.metadata.name,
                  options,
                  request,
                )
              ).object,
            );
          } catch (error) {
            if (!(error instanceof status.ApiError) || error.code !== 404) throw error;
          }
        sendJson(
          outgoing,
          200,
          {
            kind: definition.listKind,
            apiVersion: apiVersionOf(definition),
            metadata: { resourceVersion: String(this.#parts.store.revision) },
            items,
          },
          request.warnings,
        );
        return;
      }
      default:
        throw status.methodNotAllowed();
    }
  }

  #answer(request: ApiRequest, definition: ResourceDefinition, code: number, object: ApiObject): void {
    const accept = request.incoming.headers.accept ?? '';
    const kind = presentationOf(accept);
    const body =
      kind === 'table'
        ? toTable(
            [object],
            definition,
            { resourceVersion: object.metadata.resourceVersion },
            request.query.get('includeObject') ?? 'Metadata',
          )
        : kind === 'metadata'
          ? toPartialMetadata(object)
          : object;
    sendJson(request.outgoing, code, body as Fields, request.warnings);
  }

  async #list(request: ApiRequest, definition: ResourceDefinition): Promise<void> {
    const { query, info } = request;
    const { store } = this.#parts;
    await store.settled();
    const namespace = definition.namespaced && info.namespace !== '' ? info.namespace : undefined;
    const match = requestMatch(query, definition);
    let items = store.list(definition.storage, namespace).map((object) => present(object, definition));
    if (match !== undefined) items = items.filter(match);
    let revision = String(store.revision);
    const token = query.get('continue') ?? '';
    if (token !== '') {
      const { after, rv } = decodeContinue(token);
      if (Number(rv) < store.compactedRevision)
        throw status.expired(
          'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.',
        );
      items = items.filter((item) => `${item.metadata.namespace ?? ''}\u0000${item.metadata.name}` > after);
      revision = rv;
    }
    const limit = Number(query.get('limit') ?? 0);
    const meta: Fields = { resourceVersion: revision };
    if (limit > 0 && items.length > limit) {
      const last = items[limit - 1]!;
      meta['continue'] = encodeContinue(`${last.metadata.namespace ?? ''}\u0000${last.metadata.name}`, revision);
      if (match === undefined) meta['remainingItemCount'] = items.length - limit;
      items = items.slice(0, limit);
    }
    const presentation = presentationOf(request.incoming.headers.accept ?? '');
    if (presentation === 'table') {
      sendJson(
        request.outgoing,
        200,
        toTable(items, definition, meta, query.get('includeObject') ?? 'Metadata'),
        request.warnings,
      );
      return;
    }
    const body =
      presentation === 'metadata'
        ? {
            kind: 'PartialObjectMetadataList',
            apiVersion: 'meta.k8s.io/v1',
            metadata: meta,
            items: items.map(toPartialMetadata),
          }
        : {
            kind: definition.listKind,
            apiVersion: apiVersionOf(definition),
            metadata: meta,
            items: definition.custom === undefined ? items.map(({ kind: _k, apiVersion: _a, ...rest }) => rest) : items,
          };
    sendJson(request.outgoing, 200, body, request.warnings);
  }

  async #subresource(request: ApiRequest, definition: ResourceDefinition, namespace: string): Promise<void> {
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
        if (method === 'GET')
          return this.#answer(request, definition, 200, objects.find(definition, namespace, info.name));
        if (method === 'PUT')
          return this.#answer(
            request,
            definition,
            200,
            await objects.update(definition, namespace, info.name, await body(), request),
          );
        if (method === 'PATCH')
          return this.#answer(
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
        return this.#bind(request);
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

  async #bind(request: ApiRequest): Promise<void> {
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
  async #plain(request: ApiRequest): Promise<void> {
    const { info, outgoing, query, incoming } = request;
    const { registry, openApi } = this.#parts;
    const path = info.path.length > 1 ? info.path.replace(/\/$/, '') : info.path;
    const accept = incoming.headers.accept ?? '';
    if (request.method !== 'GET' && request.method !== 'HEAD') throw status.methodNotAllowed();
    const wantsAggregated = /g=apidiscovery\.k8s\.io/.test(accept) && /v=v2(;|,|$)/.test(accept);
    const parts = path.split('/').filter((part) => part !== '');
    if (path === '/version') return sendJson(outgoing, 200, version);
    if (['healthz', 'livez', 'readyz'].includes(parts[0] ?? '')) return this.#health(request, parts[0]!);
    if (path === '/api' || path === '/apis') {
      if (wantsAggregated)
        return sendJson(
          outgoing,
          200,
          aggregated(registry, path === '/api'),
          [],
          'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
        );
      if (path === '/api')
        return sendJson(outgoing, 200, {
          kind: 'APIVersions',
          versions: ['v1'],
          serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: incoming.headers.host ?? '' }],
        });
      return sendJson(outgoing, 200, {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: allGroups(registry).map(groupDocument),
      });
    }
    if (parts[0] === 'api' && parts.length === 2) {
      const found = resourceList(registry, '', parts[1]!);
      if (found !== undefined) return sendJson(outgoing, 200, found);
    }
    if (parts[0] === 'apis' && parts.length === 2) {
      const group = allGroups(registry).find((item) => item.name === parts[1]);
      if (group !== undefined)
        return sendJson(outgoing, 200, { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) });
    }
    if (parts[0] === 'apis' && parts.length === 3) {
      const found = resourceList(registry, parts[1]!, parts[2]!);
      if (found !== undefined) return sendJson(outgoing, 200, found);
    }
    if (path === '/openapi/v2') return sendText(outgoing, 200, openApi.v2().text, 'application/json');
    if (path === '/openapi/v3') return sendJson(outgoing, 200, openApi.v3Index());
    if (path.startsWith('/openapi/v3/')) {
      const document = openApi.v3(path.slice('/openapi/v3/'.length));
      if (document !== undefined) {
        const isCurrent = query.get('hash') === document.hash;
        outgoing.setHeader('etag', `"${document.hash}"`);
        if (isCurrent) outgoing.setHeader('cache-control', 'public, immutable');
        return sendText(outgoing, 200, document.text, 'application/json');
      }
    }
    if (path === '/.well-known/openid-configuration')
      return sendJson(outgoing, 200, {
        issuer,
        jwks_uri: `${issuer}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      });
    if (path === '/openid/v1/jwks')
      return sendText(outgoing, 200, JSON.stringify(this.#parts.tokens.keySet()), 'application/jwk-set+json');
    if (path === '/metrics') return sendText(outgoing, 200, this.#metrics(), 'text/plain; version=0.0.4');
    if (path === '/')
      return sendJson(outgoing, 200, {
        paths: [
          '/api',
          '/api/v1',
          '/apis',
          ...allGroups(registry).map((group) => `/apis/${group.name}`),
          '/healthz',
          '/livez',
          '/metrics',
          '/openapi/v2',
          '/openapi/v3',
          '/readyz',
          '/version',
        ],
      });
    if (parts[0] === 'api' || parts[0] === 'apis') throw status.pathNotFound();
    sendText(outgoing, 404, '404 page not found\n', 'text/plain; charset=utf-8');
  }

  #health({ outgoing, query }: ApiRequest, name: string): void {
    const checks = [
      'ping',
      'log',
      'etcd',
      ...(name === 'readyz' ? ['informer-sync'] : []),
      'poststarthook/start-apiextensions-informers',
      ...(name === 'readyz' ? ['shutdown'] : []),
    ];
    if (!query.has('verbose')) return sendText(outgoing, 200, 'ok', 'text/plain; charset=utf-8');
    sendText(
      outgoing,
      200,
      `${checks.map((check) => `[+]${check} ok`).join('\n')}\n${name} check passed\n`,
      'text/plain; charset=utf-8',
    );
  }

  #metrics(): string {
    const lines = [
      '# HELP apiserver_request_total Requests by verb and code.',
      '# TYPE apiserver_request_total counter',
    ];
    for (const [key, count] of this.#counts) {
      const [verb = '', code = ''] = key.split('\u0000');
      lines.push(`apiserver_request_total{verb=${JSON.stringify(verb.toUpperCase())},code="${code}"} ${count}`);
    }
    lines.push('# TYPE apiserver_storage_objects gauge');
    for (const definition of this.#parts.registry.all)
      lines.push(
        `apiserver_storage_objects{resource="${definition.resource}${definition.group === '' ? '' : `.${definition.group}`}"} ${this.#parts.store.count(definition.storage)}`,
      );
    return `${lines.join('\n')}\n`;
  }
}

function toApiError(error: unknown): status.ApiError {
  if (error instanceof status.ApiError) return error;
  return status.internal(
    error instanceof Error
      ? process.env['RIG_DEBUG'] === undefined
        ? error.message
        : (error.stack ?? error.message)
      : String(error),
  );
}

function success(definition: ResourceDefinition, object: ApiObject): Fields {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: object.metadata.name,
      ...(definition.group === '' ? {} : { group: definition.group }),
      kind: definition.resource,
      uid: object.metadata.uid,
    },
  };
}

function toDeleteOptions(input: Fields): DeleteOptions {
  const preconditions = rec(input['preconditions']);
  const grace = input['gracePeriodSeconds'];
  const policy = str(input['propagationPolicy']);
  if (policy !== '' && !['Orphan', 'Background', 'Foreground'].includes(policy))
    throw status.invalid('meta.k8s.io', 'DeleteOptions', '', [
      {
        type: 'FieldValueNotSupported',
        field: 'propagationPolicy',
        message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      },
    ]);
  if (typeof grace === 'number' && grace < 0)
    throw status.invalid('', 'DeleteOptions', '', [
      {
        type: 'FieldValueInvalid',
        field: 'gracePeriodSeconds',
        message: `Invalid value: ${grace}: must be greater than or equal to 0`,
      },
    ]);
  return {
    gracePeriodSeconds: typeof grace === 'number' ? grace : undefined,
    propagationPolicy: policy === '' ? (input['orphanDependents'] === true ? 'Orphan' : undefined) : policy,
    uid: str(preconditions['uid']) || undefined,
    resourceVersion: str(preconditions['resourceVersion']) || undefined,
  };
}

async function deleteOptions(request: ApiRequest): Promise<DeleteOptions> {
  const body = await readBody(request.incoming);
  const { query } = request;
  const fromBody =
    body.length === 0 ? {} : parseBody(body, request.incoming.headers['content-type'] ?? 'application/json');
  const grace = query.get('gracePeriodSeconds');
  for (const value of Array.isArray(fromBody['dryRun']) ? fromBody['dryRun'] : [])
    query.append('dryRun', String(value));
  return toDeleteOptions({
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(query.has('propagationPolicy') ? { propagationPolicy: query.get('propagationPolicy') } : {}),
    ...(isFields(fromBody) ? fromBody : {}),
  });
}

const encodeContinue = (after: string, rv: string): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: Number(rv), start: after })).toString('base64url');
function decodeContinue(token: string): { after: string; rv: string } {
  try {
    const value = JSON.parse(Buffer.from(token, 'base64url').toString()) as Fields;
    if (typeof value['start'] !== 'string' || typeof value['rv'] !== 'number') throw new Error();
    return { after: value['start'], rv: String(value['rv']) };
  } catch {
    throw status.badRequest('continue key is not valid: the token was not made by this server');
  }
}

function sendJson(
  outgoing: ServerResponse,
  code: number,
  body: unknown,
  warnings: readonly string[] = [],
  type = 'application/json',
): void {
  if (warnings.length > 0)
    outgoing.setHeader(
      'warning',
      warnings.slice(0, 50).map((text) => `299 - "${text.replace(/[\\"]/g, '\\$&').replace(/[\r\n]+/g, ' ')}"`),
    );
  sendText(outgoing, code, `${JSON.stringify(body)}\n`, type);
}

function sendText(outgoing: ServerResponse, code: number, text: string, type: string): void {
  if (!outgoing.hasHeader('cache-control')) outgoing.setHeader('cache-control', 'no-cache, private');
  outgoing.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  outgoing.end(text);
}
