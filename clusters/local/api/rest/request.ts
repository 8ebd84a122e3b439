// What a request asks for: verb, resource and place, as k8s.io/apiserver's RequestInfo reads it from method and path.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { badRequest } from '../status.ts';

export interface UserInfo {
  readonly username: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface RequestInfo {
  readonly isResource: boolean;
  readonly verb: string;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** What follows the subresource, for proxies. */
  readonly rest: string;
}

export interface ApiRequest {
  readonly info: RequestInfo;
  readonly method: string;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly warnings: string[];
}

const verbs: { readonly [method: string]: string } = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const nothing = { group: '', version: '', namespace: '', resource: '', subresource: '', name: '', rest: '' };
  let parts: string[];
  try {
    parts = path
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
  } catch {
    throw badRequest(`path ${JSON.stringify(path)} is not valid percent-encoding`);
  }
  const plain: RequestInfo = { isResource: false, verb: method.toLowerCase(), path, ...nothing };
  let group = '';
  let rest: string[];
  if (parts[0] === 'api' && parts.length >= 3) rest = parts.slice(1);
  else if (parts[0] === 'apis' && parts.length >= 4) {
    group = parts[1]!;
    rest = parts.slice(2);
  } else return plain;
  const version = rest.shift()!;
  let namespace = '';
  let verb = verbs[method] ?? method.toLowerCase();
  if (rest[0] === 'watch') {
    verb = 'watch';
    rest.shift();
  }
  let resource: string;
  let name = '';
  let subresource = '';
  let tail: string[] = [];
  if (rest[0] === 'namespaces' && rest.length >= 3 && !['status', 'finalize'].includes(rest[2]!)) {
    namespace = rest[1]!;
    [resource = '', name = '', subresource = ''] = rest.slice(2);
    tail = rest.slice(5);
  } else {
    [resource = '', name = '', subresource = ''] = rest;
    tail = rest.slice(3);
    if (resource === 'namespaces' && name !== '') namespace = name;
  }
  if (name === '' && verb === 'get') verb = ['true', '1'].includes(query.get('watch') ?? '') ? 'watch' : 'list';
  else if (name === '' && verb === 'delete') verb = 'deletecollection';
  return { isResource: true, verb, path, group, version, namespace, resource, subresource, name, rest: tail.join('/') };
}

/** Largest accepted body, in bytes: etcd's and the API server's own limit. */
export const maxBodyBytes = 3 * 1024 * 1024;

export async function readBody(incoming: IncomingMessage, limit = maxBodyBytes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit)
      throw new (await import('../status.ts')).ApiError(
        413,
        'RequestEntityTooLarge',
        `Request entity too large: limit is ${limit}`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
