// Watches: replay from a resource version or an initial list, then each commit, filtered, with bookmarks.
import type { ResourceDefinition } from '../kinds/definition.ts';
import type { ApiObject, Fields } from '../object.ts';
import { apiVersionOf } from '../kinds/definition.ts';
import type { Match } from '../selectors.ts';
import { expired } from '../status.ts';
import type { Change, Store } from '../storage/store.ts';
import { present } from './object-service.ts';
import type { ApiRequest } from './request.ts';
import { presentationOf, toPartialMetadata, toTable } from './table.ts';

/** A watcher that lets this much pile up is cut off; it resumes where it was. */
const maxBufferedBytes = 64 * 1024 * 1024;
const bookmarkEveryMs = 60_000;

export async function serveWatch(
  request: ApiRequest,
  definition: ResourceDefinition,
  store: Store,
  match: Match | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { query, outgoing, incoming, info } = request;
  const namespace = definition.namespaced && info.namespace !== '' ? info.namespace : undefined;
  await store.settled();
  const since = query.get('resourceVersion') ?? '';
  const wantsBookmarks = query.get('allowWatchBookmarks') === 'true';
  const wantsInitial = query.get('sendInitialEvents') === 'true';
  const initial = wantsInitial || since === '' || since === '0';
  const presentation = presentationOf(incoming.headers.accept ?? '');
  let isFirstTable = true;
  const shown = (object: ApiObject): Fields => {
    const own = present(object, definition);
    if (presentation === 'metadata') return toPartialMetadata(own);
    if (presentation !== 'table') return own;
    const table = toTable(
      [own],
      definition,
      { resourceVersion: own.metadata.resourceVersion },
      query.get('includeObject') ?? 'Metadata',
      isFirstTable,
    );
    isFirstTable = false;
    return table;
  };
  const replay = initial ? [] : store.changesSince(Number(since));
  let started = false;
  const start = (): void => {
    if (started) return;
    started = true;
    outgoing.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    outgoing.flushHeaders();
  };
  const send = (type: string, object: Fields): void => {
    start();
    outgoing.write(`${JSON.stringify({ type, object })}\n`);
    if (outgoing.writableLength > maxBufferedBytes) outgoing.destroy();
  };
  if (replay === undefined || Number.isNaN(Number(since === '' ? '0' : since))) {
    send('ERROR', expired(`too old resource version: ${since} (${store.compactedRevision + 1})`).toStatus());
    outgoing.end();
    return;
  }
  let last = initial ? store.revision : Number(since);
  const bookmark = (annotations?: Record<string, string>): void => {
    const object = {
      kind: definition.kind,
      apiVersion: apiVersionOf(definition),
      metadata: {
        resourceVersion: String(last),
        creationTimestamp: null,
        ...(annotations === undefined ? {} : { annotations }),
      },
    };
    send(
      'BOOKMARK',
      presentation === 'table' ? toTable([], definition, { resourceVersion: String(last) }, 'None', false) : object,
    );
  };
  const relay = (changes: readonly Change[]): void => {
    for (const change of changes) {
      last = Math.max(last, change.revision);
      if (change.resource !== definition.storage) continue;
      if (namespace !== undefined && change.object.metadata.namespace !== namespace) continue;
      const now = change.type !== 'DELETED' && (match === undefined || match(present(change.object, definition)));
      const before =
        change.type !== 'ADDED' &&
        (match === undefined || change.previous === undefined ? true : match(present(change.previous, definition)));
      if (now) send(before ? 'MODIFIED' : 'ADDED', shown(change.object));
      else if (before) {
        if (
          change.type === 'DELETED' &&
          change.previous === undefined &&
          match !== undefined &&
          !match(present(change.object, definition))
        )
          continue;
        send('DELETED', shown(change.object));
      }
    }
  };
  start();
  if (initial && query.get('sendInitialEvents') !== 'false') {
    for (const object of store.list(definition.storage, namespace))
      if (match === undefined || match(present(object, definition))) send('ADDED', shown(object));
    if (wantsInitial && wantsBookmarks) bookmark({ 'k8s.io/initial-events-end': 'true' });
  } else relay(replay);
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = store.subscribe(relay);
  const timeoutSeconds = Number(query.get('timeoutSeconds') ?? 0) || 1800 + Math.random() * 1800;
  const timeout = setTimeout(resolve, timeoutSeconds * 1000);
  const bookmarks = wantsBookmarks ? setInterval(() => bookmark(), bookmarkEveryMs) : undefined;
  const stop = (): void => resolve();
  outgoing.once('close', stop);
  signal.addEventListener('abort', stop);
  await promise;
  unsubscribe();
  clearTimeout(timeout);
  clearInterval(bookmarks);
  outgoing.off('close', stop);
  signal.removeEventListener('abort', stop);
  outgoing.end();
}
