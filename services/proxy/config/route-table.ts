// RouteConfigurations compiled, and the places where connections look for the current one.
import { compileRoutes, type RouteMatch } from '#lib/match/routes.ts';
import { compilePlan, type RoutePlan } from '../route/plan.ts';
import type { RouteSource, RouteTable } from './http-config.ts';

export interface RouteConfigurationResource {
  readonly name?: string;
  readonly [field: string]: unknown;
}

/** @throws if the resource cannot be compiled */
export function compileRouteTable(resource: RouteConfigurationResource): RouteTable {
  const plans = new Map<object, RoutePlan>();
  for (const virtualHost of (resource['virtualHosts'] ?? []) as { routes?: object[] }[]) {
    for (const route of virtualHost.routes ?? []) plans.set(route, compilePlan(resource, virtualHost, route));
  }
  return {
    name: resource.name ?? '',
    compiled: compileRoutes(resource as Parameters<typeof compileRoutes>[0]),
    plan: (match: RouteMatch) => plans.get(match.route) ?? compilePlan(resource, match.virtualHost, match.route),
  };
}

/** Sources by RDS name: listeners hold on to a source, pushes change what is in it. */
export class RouteStore {
  readonly #sources = new Map<string, RouteSource>();
  readonly #resources = new Map<string, RouteConfigurationResource>();

  source(name: string): RouteSource {
    let source = this.#sources.get(name);
    if (source === undefined) {
      source = { name, current: undefined };
      this.#sources.set(name, source);
    }
    return source;
  }

  /** @throws if the resource cannot be compiled; the old one stays */
  set(resource: RouteConfigurationResource): void {
    const table = compileRouteTable(resource);
    this.source(table.name).current = table;
    this.#resources.set(table.name, resource);
  }

  /** Forgets sources that no listener names any more. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#sources.keys()) {
      if (names.has(name)) continue;
      this.#sources.delete(name);
      this.#resources.delete(name);
    }
  }

  resources(): RouteConfigurationResource[] {
    return [...this.#resources.values()];
  }

  isLoaded(name: string): boolean {
    return this.#sources.get(name)?.current !== undefined;
  }
}
