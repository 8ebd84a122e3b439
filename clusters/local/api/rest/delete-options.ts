// Options of DELETE, from body and query.
import { type Fields, isFields, rec, str } from '../object.ts';
import * as status from '../status.ts';
import { parseBody } from './body.ts';
import type { DeleteOptions } from './object-service.ts';
import { type ApiRequest, readBody } from './request.ts';

export function toDeleteOptions(input: Fields): DeleteOptions {
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

export async function readDeleteOptions(request: ApiRequest): Promise<DeleteOptions> {
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
