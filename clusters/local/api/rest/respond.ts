// Writes answers: objects in the form that the client asked for, warnings, and failures as Status.
import type { ServerResponse } from 'node:http';
import type { ResourceDefinition } from '../kinds/definition.ts';
import type { ApiObject, Fields } from '../object.ts';
import * as status from '../status.ts';
import type { ApiRequest } from './request.ts';
import { presentationOf, toPartialMetadata, toTable } from './table.ts';

export function answer(request: ApiRequest, definition: ResourceDefinition, code: number, object: ApiObject): void {
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
export function toApiError(error: unknown): status.ApiError {
  if (error instanceof status.ApiError) return error;
  return status.internal(
    error instanceof Error
      ? process.env['RIG_DEBUG'] === undefined
        ? error.message
        : (error.stack ?? error.message)
      : String(error),
  );
}
/** What DELETE answers when the object is gone. */
export function success(definition: ResourceDefinition, object: ApiObject): Fields {
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
export function sendJson(
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

export function sendText(outgoing: ServerResponse, code: number, text: string, type: string): void {
  if (!outgoing.hasHeader('cache-control')) outgoing.setHeader('cache-control', 'no-cache, private');
  outgoing.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  outgoing.end(text);
}
