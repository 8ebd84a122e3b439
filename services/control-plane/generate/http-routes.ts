// The http rules of a VirtualService -> Envoy routes, one for each match, in order.
import type {
  Destination,
  HeaderOperations,
  HttpMatchRequest,
  HttpRetry,
  HttpRoute,
  StringMatch,
} from '#api/virtual-service.ts';
import {
  type HeaderMatcher,
  type HeaderValueOption,
  packAny,
  type RetryPolicy,
  type Route,
  type RouteAction,
  type RouteMatch,
} from '#wire/xds.ts';
import type { Model, ModelVirtualService } from '../model/build.ts';
import { resolveHost } from '../model/hosts.ts';
import { faultOf } from './fault.ts';
import { hashPolicies } from './hash-policy.ts';
import { clusterName, toDuration, uint } from './values.ts';

/** Where the rules are read for. */
export interface RouteContext {
  readonly model: Model;
  /** `mesh` or `<namespace>/<name>` of a gateway. */
  readonly gateway: string;
  /** Port of the listener, which a destination without port means. */
  readonly port: number;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Routes of a rule set, in order; what can never match for this proxy is left out. */
export function httpRoutes(context: RouteContext, service: ModelVirtualService): Route[] {
  const routes: Route[] = [];
  for (const rule of withDelegates(context, service)) {
    const matches = rule.http.match?.length ? rule.http.match : [undefined];
    for (const match of matches) {
      if (match && !applies(context, match, rule.namespace)) continue;
      routes.push(toRoute(context, service, rule.http, match, rule.namespace));
    }
  }
  return routes;
}

/** Rules with delegates replaced by the rules of the resources they name; their matches are joined. */
function withDelegates(
  { model }: RouteContext,
  service: ModelVirtualService,
): { http: HttpRoute; namespace: string }[] {
  return (service.spec.http ?? []).flatMap((http) => {
    if (!http.delegate) return [{ http, namespace: service.namespace }];
    const namespace = http.delegate.namespace ?? service.namespace;
    const target = model.virtualServices.find(
      (it) => it.name === http.delegate?.name && it.namespace === namespace && it.hosts.length === 0,
    );
    return (target?.spec.http ?? []).map((inner) => ({
      http: { ...inner, match: joinMatches(http.match, inner.match) } as HttpRoute,
      namespace,
    }));
  });
}

function joinMatches(outer: HttpRoute['match'], inner: HttpRoute['match']): HttpMatchRequest[] | undefined {
  if (!outer?.length) return inner as HttpMatchRequest[] | undefined;
  if (!inner?.length) return outer as HttpMatchRequest[];
  return outer.flatMap((a) =>
    inner.map(
      (b) =>
        ({
          ...a,
          ...b,
          headers: { ...a.headers, ...b.headers },
          queryParams: { ...a.queryParams, ...b.queryParams },
        }) as HttpMatchRequest,
    ),
  );
}

function applies(context: RouteContext, match: HttpMatchRequest, namespace: string): boolean {
  if (match.port !== undefined && match.port !== context.port) return false;
  if (
    match.gateways?.length &&
    !match.gateways.some((it) => (it === 'mesh' || it.includes('/') ? it : `${namespace}/${it}`) === context.gateway)
  )
    return false;
  if (context.gateway !== 'mesh') return true;
  if (match.sourceNamespace && match.sourceNamespace !== context.namespace) return false;
  return Object.entries(match.sourceLabels ?? {}).every(([key, value]) => context.labels[key] === value);
}

function toRoute(
  context: RouteContext,
  service: ModelVirtualService,
  http: HttpRoute,
  match: HttpMatchRequest | undefined,
  namespace: string,
): Route {
  const name = [http.name, match?.name].filter((it) => it).join('.');
  const fault = faultOf(http.fault);
  return {
    name,
    match: toMatch(match),
    ...action(context, http, match, namespace),
    metadata: {
      filterMetadata: {
        istio: {
          fields: {
            config: {
              stringValue: `/apis/networking.istio.io/v1/namespaces/${service.namespace}/virtual-service/${service.name}`,
            },
            ...(service.construct ? { construct: { stringValue: service.construct } } : {}),
          },
        },
      },
    },
    ...headerFields(http.headers),
    ...(fault
      ? {
          typedPerFilterConfig: {
            'envoy.filters.http.fault': packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', fault),
          },
        }
      : {}),
  };
}

function toMatch(match: HttpMatchRequest | undefined): RouteMatch {
  const headers: HeaderMatcher[] = [];
  for (const [name, value] of Object.entries(match?.headers ?? {}).sort(byName)) headers.push(headerMatch(name, value));
  // An absent header does not match what is excluded, so the rule holds; presence says so by itself.
  for (const [name, value] of Object.entries(match?.withoutHeaders ?? {}).sort(byName))
    headers.push({
      ...headerMatch(name, value),
      invertMatch: true,
      ...(isPresence(value) || value.regex === '*' ? {} : { treatMissingHeaderAsEmpty: true }),
    });
  if (match?.method) headers.push(headerMatch(':method', match.method));
  if (match?.authority) headers.push(headerMatch(':authority', match.authority));
  if (match?.scheme) headers.push(headerMatch(':scheme', match.scheme));
  const queryParameters = Object.entries(match?.queryParams ?? {})
    .sort(byName)
    .map(([name, value]) =>
      isPresence(value) ? { name, presentMatch: true } : { name, stringMatch: stringMatcher(value) },
    );
  return {
    ...pathMatch(match),
    caseSensitive: { value: !(match?.ignoreUriCase ?? false) },
    ...(headers.length > 0 ? { headers } : {}),
    ...(queryParameters.length > 0 ? { queryParameters } : {}),
  };
}

function pathMatch(match: HttpMatchRequest | undefined): RouteMatch {
  const uri = match?.uri;
  if (uri?.exact !== undefined) return { path: uri.exact };
  if (uri?.regex !== undefined) return uri.regex === '.*' ? { prefix: '/' } : { safeRegex: { regex: uri.regex } };
  return { prefix: uri?.prefix ?? '/' };
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);
const isPresence = (match: StringMatch): boolean =>
  match.exact === undefined && match.prefix === undefined && match.regex === undefined;

function stringMatcher(match: StringMatch) {
  if (match.exact !== undefined) return { exact: match.exact };
  if (match.prefix !== undefined) return { prefix: match.prefix };
  return { safeRegex: { regex: match.regex ?? '' } };
}

function headerMatch(name: string, match: StringMatch): HeaderMatcher {
  if (isPresence(match) || match.regex === '*') return { name, presentMatch: true };
  return { name, stringMatch: stringMatcher(match) };
}

function action(context: RouteContext, http: HttpRoute, match: HttpMatchRequest | undefined, namespace: string): Route {
  if (http.redirect) {
    const { redirect } = http;
    const codes = {
      301: 'MOVED_PERMANENTLY',
      302: 'FOUND',
      303: 'SEE_OTHER',
      307: 'TEMPORARY_REDIRECT',
      308: 'PERMANENT_REDIRECT',
    } as const;
    return {
      redirect: {
        ...(redirect.authority ? { hostRedirect: redirect.authority } : {}),
        ...(redirect.scheme ? { schemeRedirect: redirect.scheme } : {}),
        ...(redirect.port ? { portRedirect: redirect.port } : {}),
        ...(redirect.uri !== undefined
          ? { pathRedirect: redirect.uri }
          : redirect.prefixRewrite !== undefined
            ? { prefixRewrite: redirect.prefixRewrite }
            : {}),
        responseCode: codes[(redirect.redirectCode ?? 301) as keyof typeof codes] ?? 'MOVED_PERMANENTLY',
      },
    };
  }
  if (http.directResponse) {
    const { body, status } = http.directResponse;
    return {
      directResponse: {
        status: status ?? 200,
        ...(body?.string !== undefined
          ? { body: { inlineString: body.string } }
          : body?.bytes !== undefined
            ? { body: { inlineBytes: body.bytes as never } }
            : {}),
      },
    };
  }
  return { route: routeAction(context, http, match, namespace) };
}

/** The cluster a destination means; its port is the listener's, or the only one that the service has. */
export function clusterOf(context: RouteContext, destination: Destination, namespace: string): string {
  const host = resolveHost(destination.host ?? '', namespace, context.model.mesh.domainSuffix);
  const service = context.model.services.get(host);
  const port = destination.port?.number ?? (service?.ports.length === 1 ? service.ports[0]!.port : context.port);
  if (service && !service.ports.some((it) => it.port === port)) return 'BlackHoleCluster';
  return clusterName('outbound', port, destination.subset ?? '', host);
}

function routeAction(
  context: RouteContext,
  http: HttpRoute,
  match: HttpMatchRequest | undefined,
  namespace: string,
): RouteAction {
  const targets = (http.route ?? []).filter((it) => (http.route!.length === 1 ? true : (it.weight ?? 0) > 0));
  const rewrite = http.rewrite;
  const mirrors = [
    ...(http.mirrors ?? []),
    ...(http.mirror
      ? [
          {
            destination: http.mirror,
            percentage: http.mirrorPercentage ?? toPercent(http.mirrorPercent ?? http.mirror_percent ?? undefined),
          },
        ]
      : []),
  ];
  const hashes = hashPolicies(
    context.model,
    context.namespace,
    targets.map((it) => clusterOf(context, it.destination!, namespace)),
  );
  return {
    ...(targets.length === 1 && !targets[0]!.headers
      ? { cluster: clusterOf(context, targets[0]!.destination!, namespace) }
      : targets.length === 0
        ? { cluster: 'BlackHoleCluster' }
        : {
            weightedClusters: {
              clusters: targets.map((it) => ({
                name: clusterOf(context, it.destination!, namespace),
                weight: uint(it.weight ?? (targets.length === 1 ? 100 : 0)),
                ...headerFields(it.headers),
              })),
            },
          }),
    timeout: toDuration(http.timeout, 0),
    retryPolicy: retryPolicy(http.retries, hashes.length > 0),
    maxGrpcTimeout: toDuration(http.timeout, 0),
    ...(rewrite?.authority ? { hostRewriteLiteral: rewrite.authority } : {}),
    ...(rewrite?.uriRegexRewrite
      ? {
          regexRewrite: {
            pattern: { regex: rewrite.uriRegexRewrite.match ?? '' },
            substitution: rewrite.uriRegexRewrite.rewrite ?? '',
          },
        }
      : rewrite?.uri !== undefined
        ? match?.uri?.regex !== undefined
          ? { regexRewrite: { pattern: { regex: match.uri.regex }, substitution: rewrite.uri } }
          : { prefixRewrite: rewrite.uri }
        : {}),
    ...(mirrors.length > 0
      ? {
          requestMirrorPolicies: mirrors.map((it) => ({
            cluster: clusterOf(context, it.destination!, namespace),
            runtimeFraction: {
              defaultValue: {
                numerator: Math.round((it.percentage?.value ?? 100) * 10_000),
                denominator: 'MILLION' as const,
              },
            },
            traceSampled: { value: false },
          })),
        }
      : {}),
    ...(hashes.length > 0 ? { hashPolicy: hashes } : {}),
  };
}

const toPercent = (value: number | undefined) => (value === undefined ? undefined : { value });

const defaultRetryOn = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

/** Istio's: two retries, on other hosts, where nothing else is said; hashing must come to the same host again. */
export function retryPolicy(retries: HttpRetry | undefined, hashes = false): RetryPolicy {
  if (retries?.attempts === 0) return { numRetries: uint(0) };
  const conditions = (retries?.retryOn || defaultRetryOn).split(',').map((it) => it.trim());
  const statuses = conditions.filter((it) => /^[1-5]\d\d$/.test(it)).map(Number);
  const names = conditions.filter((it) => !/^\d+$/.test(it));
  return {
    retryOn: [
      ...names,
      ...(statuses.length > 0 && !names.includes('retriable-status-codes') ? ['retriable-status-codes'] : []),
    ].join(','),
    numRetries: uint(retries?.attempts ?? 2),
    ...(statuses.length > 0 ? { retriableStatusCodes: statuses } : {}),
    ...(hashes || retries?.retryIgnorePreviousHosts === false ? {} : previousHosts),
    ...(retries?.perTryTimeout ? { perTryTimeout: toDuration(retries.perTryTimeout) } : {}),
    ...(retries?.backoff ? { retryBackOff: { baseInterval: toDuration(retries.backoff) } } : {}),
  };
}

const previousHosts: Partial<RetryPolicy> = {
  retryHostPredicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typedConfig: {
        typeUrl: 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
        value: new Uint8Array(),
      },
    },
  ],
  hostSelectionRetryMaxAttempts: 5,
};

function headerFields(
  operations:
    | { readonly request?: HeaderOperations['request']; readonly response?: HeaderOperations['response'] }
    | undefined,
) {
  const add = (
    of:
      | {
          readonly set?: Readonly<Record<string, string>> | undefined;
          readonly add?: Readonly<Record<string, string>> | undefined;
        }
      | undefined,
  ): HeaderValueOption[] => [
    ...Object.entries(of?.set ?? {})
      .sort(byName)
      .map(([key, value]) => ({ header: { key, value }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' as const })),
    ...Object.entries(of?.add ?? {})
      .sort(byName)
      .map(([key, value]) => ({ header: { key, value }, appendAction: 'APPEND_IF_EXISTS_OR_ADD' as const })),
  ];
  const request = operations?.request;
  const response = operations?.response;
  return {
    ...(add(request).length > 0 ? { requestHeadersToAdd: add(request) } : {}),
    ...(request?.remove?.length ? { requestHeadersToRemove: request.remove } : {}),
    ...(add(response).length > 0 ? { responseHeadersToAdd: add(response) } : {}),
    ...(response?.remove?.length ? { responseHeadersToRemove: response.remove } : {}),
  };
}
