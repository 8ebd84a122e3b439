// Access control (envoy.filters.http.rbac and envoy.filters.network.rbac): refuses what the rules do not let through.
import { compileRbac, type RbacConfig, type RbacInput, type RbacPeer } from '#lib/match/rbac.ts';
import { parseAddress } from '#lib/match/addresses.ts';
import { type TypedConfig, unpackTyped } from '../../config/typed.ts';
import type { TcpLayer } from '../../tcp/proxy.ts';
import type { ConnectionInfo, TlsPeer } from '../connection-info.ts';
import type { Exchange } from '../exchange.ts';
import type { Layer } from '../layer.ts';

export const HTTP_RBAC_FILTER = 'envoy.filters.http.rbac';
export const NETWORK_RBAC_FILTER = 'envoy.filters.network.rbac';

/** The filter as a chain names it; its rules are in the typed configuration. */
interface RbacFilter {
  readonly typedConfig?: TypedConfig;
}

/** undefined where there are rules to try out only: nobody is refused by them. A filter without configuration is an error, not a pass. */
function rulesOf(filter: RbacFilter, name: string): RbacConfig | undefined {
  if (filter.typedConfig === undefined) throw new Error(`${name} has no configuration`);
  const { message } = unpackTyped(filter.typedConfig);
  return (message['rules'] as RbacConfig | null | undefined) ?? undefined;
}

/** Only a peer that showed a certificate counts. */
const peerOf = (tls: TlsPeer | undefined): RbacPeer | undefined =>
  tls === undefined || tls.fingerprint === '' ? undefined : tls;

const inputOf = (connection: ConnectionInfo, remoteIp: string, http: RbacInput['http']): RbacInput => ({
  http,
  peer: peerOf(connection.tls),
  directRemoteIp: connection.remoteAddress,
  remoteIp,
  localIp: connection.localAddress,
  localPort: connection.localPort,
  serverName: connection.serverName,
});

/** @throws Error where a rule is not supported: the configuration is refused as a whole */
export function httpRbacLayer(filter: RbacFilter): Layer | undefined {
  const rules = rulesOf(filter, HTTP_RBAC_FILTER);
  if (rules === undefined) return undefined;
  const rbac = compileRbac(rules);
  return {
    name: HTTP_RBAC_FILTER,
    onRequest(exchange) {
      const { allowed, policy } = rbac.decide(inputOf(exchange.connection, remoteIpOf(exchange), requestOf(exchange)));
      if (allowed) return undefined;
      return {
        status: 403,
        body: 'RBAC: access denied',
        flag: '',
        details: `rbac_access_denied_matched_policy[${policy ?? 'none'}]`,
      };
    },
  };
}

const requestOf = (exchange: Exchange): NonNullable<RbacInput['http']> => ({
  authority: exchange.head.authority,
  path: exchange.head.path,
  method: exchange.method,
  scheme: exchange.scheme,
  header: (name) => exchange.header(name),
});

/** The client as proxies before us tell it: the last entry of X-Forwarded-For, where the listener trusts it. */
function remoteIpOf(exchange: Exchange): string {
  const direct = exchange.connection.remoteAddress;
  if (exchange.config.useRemoteAddress) return direct;
  const last = exchange.header('x-forwarded-for')?.split(',').at(-1)?.trim();
  return last && parseAddress(last) ? last : direct;
}

export function tcpRbacLayer(filter: RbacFilter): TcpLayer | undefined {
  const rules = rulesOf(filter, NETWORK_RBAC_FILTER);
  if (rules === undefined) return undefined;
  const rbac = compileRbac(rules);
  return {
    name: NETWORK_RBAC_FILTER,
    onConnection({ connection }) {
      const { allowed, policy } = rbac.decide(inputOf(connection, connection.remoteAddress, undefined));
      return allowed ? undefined : `rbac_access_denied_matched_policy[${policy ?? 'none'}]`;
    },
  };
}
