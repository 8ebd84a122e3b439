// Servers of the Gateways that select a gateway's pod, by the port that its container listens on.
import type { GatewayServer } from '#api/gateway.ts';
import type { Model, ModelGateway } from '../model/build.ts';
import { resolveHost } from '../model/hosts.ts';
import type { ProxyNode } from './proxy-node.ts';

export interface GatewayEntry {
  readonly gateway: ModelGateway;
  readonly server: GatewayServer;
}

export interface GatewayPort {
  /** Port that the listener binds: the target port of the gateway's Service, where it has one for the server's port. */
  readonly port: number;
  readonly entries: readonly GatewayEntry[];
}

export function gatewayPorts(model: Model, proxy: ProxyNode): GatewayPort[] {
  const labels = model.pods.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  const ports = new Map<number, GatewayEntry[]>();
  for (const gateway of model.gateways.values()) {
    if (!Object.entries(gateway.selector).every(([key, value]) => labels[key] === value)) continue;
    for (const server of gateway.spec.servers ?? []) {
      const port = targetPort(model, proxy, labels, server.port?.number ?? 0);
      if (port === 0) continue;
      ports.set(port, [...(ports.get(port) ?? []), { gateway, server }]);
    }
  }
  return [...ports].sort(([a], [b]) => a - b).map(([port, entries]) => ({ port, entries }));
}

function targetPort(model: Model, proxy: ProxyNode, labels: Readonly<Record<string, string>>, port: number): number {
  for (const service of model.services.values()) {
    const selector = Object.entries(service.selector);
    if (
      service.namespace !== proxy.namespace ||
      selector.length === 0 ||
      !selector.every(([key, value]) => labels[key] === value)
    )
      continue;
    const found = service.ports.find((it) => it.port === port);
    if (found) return typeof found.targetPort === 'number' ? found.targetPort : Number(found.targetPort) || port;
  }
  return port;
}

const protocolOfServer = (server: GatewayServer): string => (server.port?.protocol ?? '').toUpperCase();

/** Whether a server's requests are routed one by one. */
export const isHttpServer = (server: GatewayServer): boolean =>
  ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB'].includes(protocolOfServer(server)) || isTerminated(server);

/** HTTPS that ends here. */
export const isTerminated = (server: GatewayServer): boolean =>
  protocolOfServer(server) === 'HTTPS' && server.tls?.mode !== 'PASSTHROUGH' && server.tls?.mode !== 'AUTO_PASSTHROUGH';

/** Name of the route configuration of a server; undefined where it routes connections. */
export function routeNameOf({ port }: GatewayPort, { gateway, server }: GatewayEntry): string | undefined {
  if (!isHttpServer(server)) return undefined;
  if (!isTerminated(server)) return `http.${port}`;
  return `https.${server.port?.number}.${server.port?.name ?? ''}.${gateway.name}.${gateway.namespace}`;
}

/** Hosts of a server that rules of a namespace may serve. */
export function serverHosts(gateway: ModelGateway, server: GatewayServer, namespace: string): string[] {
  const hosts: string[] = [];
  for (const it of server.hosts ?? []) {
    const slash = it.indexOf('/');
    const scope = slash < 0 ? '*' : it.slice(0, slash);
    if (scope !== '*' && (scope === '.' ? gateway.namespace : scope) !== namespace) continue;
    hosts.push(resolveHost(slash < 0 ? it : it.slice(slash + 1), gateway.namespace, 'cluster.local'));
  }
  return hosts;
}
