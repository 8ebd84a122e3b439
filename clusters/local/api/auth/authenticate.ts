// Who calls: a client certificate of our authority, a service-account token, or nobody.
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { UserInfo } from '../rest/request.ts';
import { badRequest, forbidden, unauthorized } from '../status.ts';
import { type AccessQuestion, denial, type RbacAuthorizer } from './rbac.ts';
import type { ServiceAccountTokens } from './tokens.ts';

export const anonymous: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

export function authenticate(incoming: IncomingMessage, tokens: ServiceAccountTokens): UserInfo {
  const socket = incoming.socket as TLSSocket;
  const peer = socket.getPeerCertificate?.();
  if (peer !== undefined && Object.keys(peer).length > 0) {
    if (!socket.authorized) throw unauthorized();
    const { CN, O } = peer.subject as { CN?: string | string[]; O?: string | string[] };
    const groups = O === undefined ? [] : Array.isArray(O) ? O : [O];
    return { username: Array.isArray(CN) ? (CN[0] ?? '') : (CN ?? ''), groups: [...groups, 'system:authenticated'] };
  }
  const header = incoming.headers.authorization;
  if (header === undefined) return anonymous;
  const match = /^Bearer\s+(\S+)$/i.exec(header);
  if (match === null) throw unauthorized();
  const result = tokens.authenticate(match[1]!);
  if ('error' in result) throw unauthorized();
  return result.user;
}

/** The user that `Impersonate-User` and `Impersonate-Group` name, where the caller may act as them. */
export function impersonated(incoming: IncomingMessage, caller: UserInfo, authorizer: RbacAuthorizer): UserInfo {
  const user = incoming.headers['impersonate-user'];
  const raw = incoming.headersDistinct['impersonate-group'] ?? [];
  if (user === undefined) {
    if (raw.length > 0) throw badRequest('requested impersonation of groups without impersonating a user');
    return caller;
  }
  const username = String(user);
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username);
  const may = (resource: string, name: string, namespace = ''): void => {
    const question: AccessQuestion = { user: caller, verb: 'impersonate', group: '', resource, name, namespace };
    if (!authorizer.allows(question)) throw forbidden({ group: '', resource }, name, denial(question));
  };
  if (account === null) may('users', username);
  else may('serviceaccounts', account[2]!, account[1]!);
  for (const group of raw) may('groups', group);
  const implied =
    account === null ? raw : raw.length > 0 ? raw : ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`];
  const last = username === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  return { username, groups: [...new Set([...implied, last])] };
}
