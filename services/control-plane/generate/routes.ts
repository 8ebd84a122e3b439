// Route configurations: a sidecar's outbound ones, one for each port that some service has HTTP on, and a gateway's.
import type { Route, RouteConfiguration, VirtualHost } from '#wire/xds.ts';
import { type Model, type ModelVirtualService, virtualServicesFor } from '../model/build.ts';
import { compareHosts, hostCovers } from '../model/hosts.ts';
import { isHttp } from '../model/protocol.ts';
import type { ModelService } from '../model/services.ts';
import { type GatewayEntry, gatewayPorts, routeNameOf, serverHosts } from './gateway-servers.ts';
import { hashPolicies } from './hash-policy.ts';
import { httpRoutes, type RouteContext, retryPolicy } from './http-routes.ts';
import type { ProxyNode } from './proxy-node.ts';
import { clusterName, type Generated } from './values.ts';
import { visibleServices } from './visible-services.ts';

const type = 'envoy.config.route.v3.RouteConfiguration';

export function generateRoutes(model: Model, proxy: ProxyNode): Generated<typeof type>[] {
  const messages = proxy.kind === 'router' ? gatewayRoutes(model, proxy) : sidecarRoutes(model, proxy);
  return messages.map((message) => ({ name: message.name ?? '', type, message }));
}

/** Ports on which a sidecar routes requests, with the services that have them. */
export function outboundHttpPorts(model: Model, proxy: ProxyNode): ReadonlyMap<number, readonly ModelService[]> {
  const ports = new Map<number, ModelService[]>();
  for (const service of visibleServices(model, proxy)) {
    for (const port of service.ports) {
      if (!isHttp(port.protocol) && port.protocol !== 'auto') continue;
      ports.set(port.port, [...(ports.get(port.port) ?? []), service]);
    }
  }
  return new Map([...ports].sort(([a], [b]) => a - b));
}

function sidecarRoutes(model: Model, proxy: ProxyNode): RouteConfiguration[] {
  const virtualServices = virtualServicesFor(model, 'mesh', proxy.namespace);
  return [...outboundHttpPorts(model, proxy)].map(([port, services]) => {
    const context: RouteContext = { model, gateway: 'mesh', port, namespace: proxy.namespace, labels: proxy.labels };
    const hosts: VirtualHost[] = services.map((service) => {
      const routed = mostSpecific(virtualServices, service.hostname);
      const routes = routed ? httpRoutes(context, routed) : [];
      return {
        name: `${service.hostname}:${port}`,
        domains: serviceDomains(service, port, proxy.namespace, model.mesh.domainSuffix),
        routes: routed?.spec.http?.length
          ? routes
          : [defaultRoute(model, proxy.namespace, clusterName('outbound', port, '', service.hostname))],
        includeRequestAttemptCount: true,
      };
    });
    for (const it of virtualServices) {
      // Hosts that are no service of ours: external names that somebody routes.
      for (const host of it.hosts) {
        if (host === '*' || model.services.has(host) || port !== 80) continue;
        if (
          services.some((service) => hostCovers(host, service.hostname)) ||
          hosts.some((other) => other.name === `${host}:${port}`)
        )
          continue;
        const routes = httpRoutes(context, it);
        if (routes.length > 0)
          hosts.push({
            name: `${host}:${port}`,
            domains: [host, `${host}:${port}`],
            routes,
            includeRequestAttemptCount: true,
          });
      }
    }
    hosts.push(fallback(model));
    return { name: String(port), virtualHosts: distinctDomains(hosts), validateClusters: { value: false } };
  });
}

const mostSpecific = (all: readonly ModelVirtualService[], host: string): ModelVirtualService | undefined =>
  all
    .flatMap((it) => it.hosts.filter((pattern) => hostCovers(pattern, host)).map((pattern) => ({ it, pattern })))
    .sort((a, b) => compareHosts(a.pattern, b.pattern))[0]?.it;

function defaultRoute(model: Model, clientNamespace: string, cluster: string): Route {
  const hashes = hashPolicies(model, clientNamespace, [cluster]);
  return {
    name: 'default',
    match: { prefix: '/' },
    route: {
      cluster,
      timeout: { seconds: 0 },
      retryPolicy: retryPolicy(undefined, hashes.length > 0),
      maxGrpcTimeout: { seconds: 0 },
      ...(hashes.length > 0 ? { hashPolicy: hashes } : {}),
    },
  };
}

/** Every way to write the name of a service from a namespace. */
export function serviceDomains(service: ModelService, port: number, namespace: string, domainSuffix: string): string[] {
  const names = [service.hostname];
  const parts = [`${service.name}.${service.namespace}.svc`, `${service.name}.${service.namespace}`];
  if (service.hostname.endsWith(`.svc.${domainSuffix}`))
    names.push(...(service.namespace === namespace ? [service.name] : []), ...parts);
  if (service.clusterIP !== '' && service.clusterIP !== 'None') names.push(service.clusterIP);
  return names.flatMap((name) => [name, `${name}:${port}`]);
}

function fallback(model: Model): VirtualHost {
  if (model.mesh.outboundTrafficPolicy === 'REGISTRY_ONLY') {
    return {
      name: 'block_all',
      domains: ['*'],
      routes: [{ name: 'block_all', match: { prefix: '/' }, directResponse: { status: 502 } }],
      includeRequestAttemptCount: true,
    };
  }
  return {
    name: 'allow_any',
    domains: ['*'],
    routes: [
      { name: 'allow_any', match: { prefix: '/' }, route: { cluster: 'PassthroughCluster', timeout: { seconds: 0 } } },
    ],
    includeRequestAttemptCount: true,
  };
}

/** Envoy refuses a configuration in which two hosts share a domain: the first keeps it. */
function distinctDomains(hosts: readonly VirtualHost[]): VirtualHost[] {
  const taken = new Set<string>();
  const result: VirtualHost[] = [];
  for (const host of hosts) {
    const domains = (host.domains ?? []).filter((it) => !taken.has(it));
    for (const it of domains) taken.add(it);
    if (domains.length > 0) result.push({ ...host, domains });
  }
  return result;
}

function gatewayRoutes(model: Model, proxy: ProxyNode): RouteConfiguration[] {
  const configurations = new Map<string, RouteConfiguration>();
  for (const port of gatewayPorts(model, proxy)) {
    for (const entry of port.entries) {
      const name = routeNameOf(port, entry);
      if (name === undefined || configurations.has(name)) continue;
      const entries = port.entries.filter((it) => routeNameOf(port, it) === name);
      configurations.set(name, {
        name,
        virtualHosts: gatewayHosts(model, proxy, port.port, entries),
        validateClusters: { value: false },
      });
    }
  }
  return [...configurations.values()];
}

function gatewayHosts(model: Model, proxy: ProxyNode, port: number, entries: readonly GatewayEntry[]): VirtualHost[] {
  const byDomain = new Map<string, { routes: Route[]; redirect: boolean }>();
  for (const { gateway, server } of entries) {
    const context: RouteContext = {
      model,
      gateway: gateway.key,
      port: server.port?.number ?? port,
      namespace: proxy.namespace,
      labels: {},
    };
    const redirect = server.tls?.httpsRedirect === true;
    for (const service of virtualServicesFor(model, gateway.key, proxy.namespace)) {
      for (const host of service.hosts) {
        const domain = serverHosts(gateway, server, service.namespace)
          .map((pattern) => (hostCovers(pattern, host) ? host : hostCovers(host, pattern) ? pattern : undefined))
          .find((it) => it !== undefined);
        if (domain === undefined) continue;
        const found = byDomain.get(domain) ?? { routes: [], redirect: false };
        found.routes.push(...httpRoutes(context, service));
        found.redirect ||= redirect;
        byDomain.set(domain, found);
      }
    }
  }
  if (byDomain.size === 0) {
    return [
      {
        name: `blackhole:${port}`,
        domains: ['*'],
        routes: [{ name: 'blackhole', match: { prefix: '/' }, directResponse: { status: 404 } }],
      },
    ];
  }
  return [...byDomain]
    .sort(([a], [b]) => compareHosts(a, b))
    .map(([domain, { routes, redirect }]) => ({
      name: `${domain}:${port}`,
      domains: domain === '*' ? ['*'] : [domain, `${domain}:*`],
      routes,
      includeRequestAttemptCount: true,
      ...(redirect ? { requireTls: 'ALL' as const } : {}),
    }));
}
