// One route table per service: every route construct contributes to it, and it synthesises to the VirtualService and the
// DestinationRule of the service's name. Two VirtualServices of one host would not be merged by sidecars.
import { Lazy } from 'cdk8s';
import type { Construct, IConstruct } from 'constructs';
import type { DestinationRuleSpec, TrafficPolicy } from '#api/destination-rule.ts';
import { Label } from '#api/names.ts';
import type { HttpRoute, HttpRouteDestination, VirtualServiceSpec } from '#api/virtual-service.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { ServiceReference } from '../workload/mesh-service.ts';
import { describeConstruct } from '../workload/provenance.ts';
import { Resource } from '../workload/resource.ts';
import { isHttpPort } from '../workload/service-ports.ts';
import { isCatchAll, type RequestMatch, toHttpMatch } from './match.ts';
import { type OrderedRule, orderRules } from './order-rules.ts';

/** A rule of a table. */
export interface RouteRule extends OrderedRule {
  /** Shares by version, in percent. */
  readonly shares: readonly { readonly version: string; readonly weight: number }[];
}

/** A change to rules of a table: a mirror, a fault, a time limit. */
export interface RouteAddition {
  readonly construct: Construct;
  /** Constructs whose rules are changed; undefined for all. */
  readonly routes: readonly Construct[] | undefined;
  /** Fields of the HTTP route that are set; setting one twice is an error. */
  readonly fields: Partial<HttpRoute>;
}

/** A contribution to the DestinationRule. */
export interface PolicyAddition {
  readonly construct: Construct;
  readonly policy: TrafficPolicy;
}

/** Name of the rule that takes what no other does. */
const DEFAULT_RULE = 'default';

const tables = new WeakMap<IConstruct, Map<string, RouteTable>>();

export class RouteTable extends MeshConstruct {
  private readonly rules: RouteRule[] = [];
  private readonly additions: RouteAddition[] = [];
  private readonly policies: PolicyAddition[] = [];
  private readonly service: ServiceReference;

  /** The table of a service; made on first use, below the service. */
  static of(service: ServiceReference): RouteTable {
    const root = service.node.root;
    const known = tables.get(root) ?? new Map<string, RouteTable>();
    tables.set(root, known);
    const found = known.get(service.hostname);
    if (!found) {
      const made = new RouteTable(service);
      known.set(service.hostname, made);
      return made;
    }
    if (found.service !== service) {
      throw new Error(
        `two constructs stand for ${service.hostname}: ${describeConstruct(found.service)} and ${describeConstruct(service)}; ` +
          'declare the service once and pass it to whoever adds routes',
      );
    }
    return found;
  }

  private constructor(service: ServiceReference) {
    super(service, 'routes');
    this.service = service;
    if (!service.ports.some(isHttpPort)) {
      throw new Error(`${describeConstruct(service)} has no HTTP port; routes are for HTTP, HTTP/2 and gRPC`);
    }
    const { serviceName: name, namespace } = service;
    new Resource(this, 'virtual-service', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      name,
      namespace,
      body: { spec: Lazy.any({ produce: () => this.virtualServiceSpec() }) },
    });
    new Resource(this, 'destination-rule', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      name,
      namespace,
      body: { spec: Lazy.any({ produce: () => this.destinationRuleSpec() }) },
    });
  }

  addRule(rule: RouteRule): void {
    const id = rule.construct.node.id;
    const taken = this.rules.find((each) => each.construct.node.id === id);
    if (taken || id === DEFAULT_RULE) {
      const owner = taken ? describeConstruct(taken.construct) : 'the rule that takes what no other does';
      throw new Error(
        `${describeConstruct(rule.construct)}: the routes of ${this.service.serviceName} have a rule "${id}" already: ${owner}; ` +
          'a rule is named after its construct in access logs, so give this one another id',
      );
    }
    for (const { version } of rule.shares) this.requireVersion(rule.construct, version);
    this.rules.push(rule);
  }

  /** Throws where the service has no such version, which types refuse already. */
  requireVersion(construct: Construct, version: string): void {
    if (this.service.versions.includes(version)) return;
    const versions = this.service.versions.join(', ') || 'none';
    throw new Error(
      `${describeConstruct(construct)}: ${this.service.serviceName} has no version "${version}"; it has ${versions}`,
    );
  }

  /** Changes rules: all, or those of the constructs named. */
  addToRules(addition: RouteAddition): void {
    this.additions.push(addition);
  }

  /** Contributes to the traffic policy of the DestinationRule. */
  addPolicy(addition: PolicyAddition): void {
    this.policies.push(addition);
  }

  /** The rules in the order in which requests try them. */
  orderedRules(): readonly RouteRule[] {
    return orderRules(this.rules, this.service.serviceName);
  }

  /** The construct behind each named rule. */
  routeConstructs(): ReadonlyMap<string, Construct> {
    return new Map(this.rules.map((rule) => [rule.construct.node.id, rule.construct]));
  }

  private virtualServiceSpec(): VirtualServiceSpec {
    const rules = this.orderedRules();
    const [main, ...otherPorts] = this.service.ports.filter(isHttpPort);
    const several = this.service.ports.length > 1;
    const port = several && main ? main.port : undefined;
    const http: HttpRoute[] = rules.map((rule) => this.toHttpRoute(rule, port));
    if (!rules.some((rule) => isCatchAll(rule.match))) http.push(this.defaultRoute(DEFAULT_RULE, port));
    // A VirtualService is for all ports of its hosts: what it does not route is not found.
    for (const other of otherPorts) http.push(this.defaultRoute(`${DEFAULT_RULE}-${other.name}`, other.port));
    return { hosts: [this.service.hostname], http };
  }

  private toHttpRoute(rule: RouteRule, port: number | undefined): HttpRoute {
    const shares = rule.shares.filter(({ weight }) => weight > 0);
    const route: HttpRouteDestination[] =
      shares.length === 1
        ? [this.toDestination(port, shares[0]!.version)]
        : shares.map(({ version, weight }) => ({ ...this.toDestination(port, version), weight }));
    return this.withAdditions({ name: rule.construct.node.id, ...matchOn(rule.match, port), route }, rule.construct);
  }

  private defaultRoute(name: string, port: number | undefined): HttpRoute {
    return this.withAdditions({ name, ...matchOn(undefined, port), route: [this.toDestination(port)] }, undefined);
  }

  private toDestination(port: number | undefined, subset?: string): HttpRouteDestination {
    return {
      destination: {
        host: this.service.hostname,
        ...(subset === undefined ? {} : { subset }),
        ...(port === undefined ? {} : { port: { number: port } }),
      },
    };
  }

  private withAdditions(route: HttpRoute, construct: Construct | undefined): HttpRoute {
    const setBy = new Map<string, Construct>();
    let result = route;
    for (const addition of [...this.additions].sort(byConstruct)) {
      if (addition.routes && !(construct && addition.routes.includes(construct))) continue;
      for (const key of Object.keys(addition.fields)) {
        const other = setBy.get(key);
        if (other) {
          throw new Error(
            `route "${route.name}" of ${this.service.serviceName}: ${key} is set by both ${describeConstruct(other)} and ` +
              `${describeConstruct(addition.construct)}; restrict one of them with routes:`,
          );
        }
        setBy.set(key, addition.construct);
      }
      result = { ...result, ...addition.fields };
    }
    return result;
  }

  private destinationRuleSpec(): DestinationRuleSpec {
    const trafficPolicy = this.trafficPolicy();
    const subsets = this.service.versions.map((version) => ({ name: version, labels: { [Label.version]: version } }));
    return {
      host: this.service.hostname,
      ...(trafficPolicy ? { trafficPolicy } : {}),
      ...(subsets.length > 0 ? { subsets } : {}),
    };
  }

  private trafficPolicy(): TrafficPolicy | undefined {
    const setBy = new Map<string, Construct>();
    let result: TrafficPolicy = {};
    for (const { construct, policy } of [...this.policies].sort(byConstruct)) {
      for (const key of Object.keys(policy)) {
        const other = setBy.get(key);
        if (other) {
          throw new Error(
            `traffic policy of ${this.service.serviceName}: ${key} is set by both ${describeConstruct(other)} and ` +
              `${describeConstruct(construct)}; keep one`,
          );
        }
        setBy.set(key, construct);
      }
      result = { ...result, ...policy };
    }
    return Object.keys(result).length > 0 ? result : undefined;
  }
}

/** The match part of a route, empty where everything matches. */
function matchOn(match: RequestMatch | undefined, port: number | undefined): Pick<HttpRoute, 'match'> {
  const http = match === undefined ? undefined : toHttpMatch(match);
  if (http === undefined && port === undefined) return {};
  return { match: [{ ...http, ...(port === undefined ? {} : { port }) }] };
}

const byConstruct = (a: { construct: Construct }, b: { construct: Construct }): number =>
  a.construct.node.path < b.construct.node.path ? -1 : 1;
