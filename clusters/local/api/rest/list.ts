// Lists: selectors, pages, and the forms that a client may ask for.
import { apiVersionOf, type ResourceDefinition } from '../kinds/definition.ts';
import type { Fields } from '../object.ts';
import { requestMatch } from '../selectors.ts';
import * as status from '../status.ts';
import type { Store } from '../storage/store.ts';
import { present } from './object-service.ts';
import type { ApiRequest } from './request.ts';
import { sendJson } from './respond.ts';
import { presentationOf, toPartialMetadata, toTable } from './table.ts';

export async function serveList(request: ApiRequest, definition: ResourceDefinition, store: Store): Promise<void> {
  const { query, info } = request;
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
