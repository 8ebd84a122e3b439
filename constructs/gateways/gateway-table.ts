// The routes of one host of a gateway: one VirtualService, to which every IngressRoute contributes.
import { Lazy } from 'cdk8s';
import type { Construct } from 'constructs';
import type { HttpRoute, VirtualServiceSpec } from '#api/virtual-service.ts';
import { type RequestMatch, toHttpMatch } from '../traffic/match.ts';
import { type OrderedRule, orderRules } from '../traffic/order-rules.ts';
import { toList } from '../traffic/route-props.ts';
import { RouteTable } from '../traffic/route-table.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import type { ServiceReference } from '../workload/mesh-service.ts';
import { describeConstruct } from '../workload/provenance.ts';
import { Resource } from '../workload/resource.ts';
import type { IngressGateway } from './ingress-gateway.ts';

/** What a route says beside its matches. */
export interface GatewayRouteAction {
  readonly service: ServiceReference;
  readonly to?: string | undefined;
  readonly rewrite?: string | undefined;
  readonly timeout?: string | undefined;
  readonly before?: Construct | readonly Construct[] | undefined;
  readonly after?: Construct | readonly Construct[] | undefined;
}

interface GatewayRule extends OrderedRule {
  readonly action: GatewayRouteAction;
}

export class GatewayTable extends MeshConstruct {
  private readonly rules: GatewayRule[] = [];
  private readonly gateway: IngressGateway;
  private readonly host: string;

  /** The table of a host; made on first use, below the gateway. */
  static of(gateway: IngressGateway, host: string): GatewayTable {
    const found = gateway.node.tryFindChild(idOf(host));
    return found instanceof GatewayTable ? found : new GatewayTable(gateway, host);
  }

  private constructor(gateway: IngressGateway, host: string) {
    super(gateway, idOf(host));
    this.gateway = gateway;
    this.host = host;
    const only = gateway.hosts.length === 1 && gateway.hosts[0] === host;
    new Resource(this, 'virtual-service', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      name: only ? gateway.name : `${gateway.name}-${slug(host)}`,
      namespace: gateway.namespace,
      body: { spec: Lazy.any({ produce: () => this.spec() }) },
    });
  }

  addRule(construct: Construct, matches: readonly RequestMatch[], action: GatewayRouteAction): void {
    const taken = this.rules.find((rule) => rule.construct.node.id === construct.node.id);
    if (taken) {
      throw new Error(
        `${describeConstruct(construct)}: host ${this.host} has a route "${construct.node.id}" already: ` +
          `${describeConstruct(taken.construct)}; give one of them another id`,
      );
    }
    // Subsets live in the service's DestinationRule, which its route table writes.
    if (action.to !== undefined) RouteTable.of(action.service);
    const order = { before: toList(action.before), after: toList(action.after) };
    for (const match of matches) this.rules.push({ construct, match, ...order, action });
  }

  /** The construct behind each named rule. */
  routeConstructs(): ReadonlyMap<string, Construct> {
    return new Map(this.rules.map((rule) => [rule.construct.node.id, rule.construct]));
  }

  private spec(): VirtualServiceSpec {
    const http: HttpRoute[] = [];
    let last: GatewayRule | undefined;
    for (const rule of orderRules(this.rules, `host ${this.host} of gateway ${this.gateway.name}`)) {
      const match = toHttpMatch(rule.match);
      const previous = http.at(-1);
      if (last?.construct === rule.construct && previous?.match && match) {
        http[http.length - 1] = { ...previous, match: [...previous.match, match] };
      } else {
        http.push({ name: rule.construct.node.id, ...(match ? { match: [match] } : {}), ...actionOf(rule.action) });
      }
      last = rule;
    }
    return { hosts: [this.host], gateways: [this.gateway.nameIn(this.gateway.namespace)], http };
  }
}

function actionOf({ service, to, rewrite, timeout }: GatewayRouteAction): HttpRoute {
  return {
    route: [
      {
        destination: {
          host: service.hostname,
          port: { number: service.ports[0].port },
          ...(to === undefined ? {} : { subset: to }),
        },
      },
    ],
    ...(rewrite === undefined ? {} : { rewrite: { uri: rewrite } }),
    ...(timeout === undefined ? {} : { timeout }),
  };
}

const slug = (host: string): string =>
  host
    .replaceAll('*', 'any')
    .replace(/[^a-z0-9]+/gi, '-')
    .toLowerCase();
const idOf = (host: string): string => `host-${slug(host)}`;
