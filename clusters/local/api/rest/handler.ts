// One request from end to end: who, what, whether allowed, and the answer; the one place where errors become Status.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { anonymous, authenticate, impersonated } from '../auth/authenticate.ts';
import { denial } from '../auth/rbac.ts';
import { reviewResources } from '../auth/reviews.ts';
import { apiVersionOf } from '../kinds/definition.ts';
import type { ApiObject } from '../object.ts';
import { isStream } from '../proxy/node-proxy.ts';
import { requestMatch } from '../selectors.ts';
import * as status from '../status.ts';
import { parseBody } from './body.ts';
import { readDeleteOptions } from './delete-options.ts';
import { serveList } from './list.ts';
import { present } from './object-service.ts';
import type { HandlerParts } from './parts.ts';
import { PlainPaths } from './plain-paths.ts';
import { type ApiRequest, parseRequestInfo, readBody } from './request.ts';
import { answer, sendJson, success, toApiError } from './respond.ts';
import { Subresources } from './subresources.ts';
import { serveWatch } from './watch.ts';

/** Kinds whose deletion is answered with the object even when it is gone. */
const answersObject = new Set([
  '/pods',
  '/services',
  '/serviceaccounts',
  '/podtemplates',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/resourcequotas',
]);
const healthPaths = new Set(['/healthz', '/livez', '/readyz', '/version', '/version/']);

export class Handler {
  readonly #parts: HandlerParts;
  readonly #counts = new Map<string, number>();
  readonly #subresources: Subresources;
  readonly #plain: PlainPaths;

  constructor(parts: HandlerParts) {
    this.#parts = parts;
    this.#subresources = new Subresources(parts);
    this.#plain = new PlainPaths(parts, this.#counts);
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
    if (!info.isResource) return this.#plain.serve(request);
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
      if (info.group === '' && info.resource === 'bindings' && request.method === 'POST')
        return this.#subresources.bind(request);
      throw status.pathNotFound();
    }
    if (definition.namespaced && info.namespace === '' && info.name !== '')
      throw status.badRequest('namespace is required');
    const namespace = definition.namespaced ? info.namespace : '';
    if (info.subresource !== '') return this.#subresources.serve(request, definition, namespace);
    const { objects } = this.#parts;
    switch (info.verb) {
      case 'get':
        await this.#parts.store.settled();
        return answer(request, definition, 200, objects.find(definition, namespace, info.name));
      case 'list':
        return serveList(request, definition, this.#parts.store);
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
        return answer(request, definition, 201, await objects.create(definition, namespace, raw, request));
      }
      case 'update': {
        const raw = parseBody(
          await readBody(request.incoming),
          request.incoming.headers['content-type'] ?? 'application/json',
        );
        return answer(request, definition, 200, await objects.update(definition, namespace, info.name, raw, request));
      }
      case 'patch': {
        const body = await readBody(request.incoming);
        const object = await objects.patch(definition, namespace, info.name, body, request);
        return answer(request, definition, outgoing.statusCode === 201 ? 201 : 200, object);
      }
      case 'delete': {
        const options = await readDeleteOptions(request);
        const { object, isGone } = await objects.delete(definition, namespace, info.name, options, request);
        if (isGone && !answersObject.has(definition.storage)) {
          sendJson(outgoing, 200, success(definition, object), request.warnings);
          return;
        }
        return answer(request, definition, 200, object);
      }
      case 'deletecollection': {
        const options = await readDeleteOptions(request);
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
}
