// Who calls: a client certificate of our authority, a service-account token, or nobody.
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { UserInfo } from '../rest/request.ts';
import { unauthorized } from '../status.ts';
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
