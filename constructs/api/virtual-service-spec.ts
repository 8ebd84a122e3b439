// VirtualService: how requests for a host are matched, split, rewritten, retried, failed and mirrored.
import { destination, headers } from './route-parts.ts';
import { array, boolean, double, duration, int32, map, object, oneOf, string, type TypeOf, uint32 } from './schema.ts';

/** Exactly one of exact, prefix, regex (RE2, whole value); none set means present. */
const stringMatch = (description: string) =>
  object(
    description,
    {
      exact: string('The whole value.'),
      prefix: string('The beginning of the value.'),
      regex: string('RE2 expression for the whole value.'),
    },
    { exclusive: [['exact', 'prefix', 'regex']] },
  );

const percent = (description: string) => object(description, { value: double('Between 0 and 100.') });

const httpMatch = object('Conditions on a request, all of which must hold.', {
  authority: stringMatch('The host that the request names.'),
  gateways: array(
    'Gateways to which the match applies; replaces the gateways of the rule.',
    string('`<namespace>/<name>`, `<name>` or `mesh`.'),
  ),
  headers: map('Conditions on headers, by lower-case name.', stringMatch('Condition on the value.')),
  ignoreUriCase: boolean('Ignores case in exact and prefix matches of the path.'),
  method: stringMatch('The method.'),
  name: string('Name of the match, joined to the name of the route in access logs.'),
  port: uint32('Port that the request is for.'),
  queryParams: map('Conditions on query parameters, by name.', stringMatch('Condition on the value.')),
  scheme: stringMatch('http or https.'),
  sourceLabels: map('Labels that the calling workload must have.', string('Value of the label.')),
  sourceNamespace: string('Namespace of the calling workload.'),
  statPrefix: string('Prefix of statistics of this route.'),
  uri: stringMatch('The path, without the query.'),
  withoutHeaders: map('Conditions that must not hold, by lower-case name.', stringMatch('Condition on the value.')),
});

const httpRouteDestination = object(
  'A share of the traffic and where it goes.',
  {
    destination: destination('Where requests go.'),
    headers,
    weight: int32('Share of the traffic, relative to the sum of all weights.'),
  },
  { required: ['destination'] },
);

const routeDestination = object(
  'A share of the connections and where it goes.',
  {
    destination: destination('Where connections go.'),
    weight: int32('Share of the connections, relative to the sum of all weights.'),
  },
  { required: ['destination'] },
);

const redirect = object(
  'Answers with a redirect.',
  {
    authority: string('Host of the new location.'),
    derivePort: oneOf('Where the port of the new location comes from.', ['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']),
    port: uint32('Port of the new location.'),
    prefixRewrite: string('Replaces the matched prefix of the path.'),
    redirectCode: uint32('HTTP status, default 301.'),
    scheme: string('http or https.'),
    uri: string('Path of the new location; replaces the whole path.'),
  },
  { exclusive: [['port', 'derivePort']] },
);

const directResponse = object(
  'Answers without calling a service.',
  {
    body: object(
      'Body of the answer; at most 1 MB.',
      { bytes: string('Body in base64.', { format: 'byte' }), string: string('Body as text.') },
      { exclusive: [['string', 'bytes']] },
    ),
    status: uint32('HTTP status.'),
  },
  { required: ['status'] },
);

const fault = object('Faults to inject, for tests of resilience.', {
  abort: object(
    'Fails requests.',
    {
      grpcStatus: string('Name of a gRPC status, e.g. UNAVAILABLE.'),
      http2Error: string('Not supported.'),
      httpStatus: int32('HTTP status.'),
      percentage: percent('Share of the requests; absent means none.'),
    },
    { exclusive: [['httpStatus', 'grpcStatus', 'http2Error']] },
  ),
  delay: object(
    'Delays requests.',
    {
      exponentialDelay: duration('Not supported.'),
      fixedDelay: duration('How long.'),
      percent: int32('Share of the requests in whole percent.'),
      percentage: percent('Share of the requests; absent means none.'),
    },
    { exclusive: [['fixedDelay', 'exponentialDelay']], deprecated: { percent: 'use percentage.value' } },
  ),
});

const corsPolicy = object(
  'Cross-origin resource sharing.',
  {
    allowCredentials: boolean('Whether credentials may be sent.', { nullable: true }),
    allowHeaders: array('Headers that may be sent.', string('Name of a header.')),
    allowMethods: array('Methods that may be used.', string('Method.')),
    allowOrigin: array('Origins that may call.', string('Origin or `*`.')),
    allowOrigins: array('Origins that may call.', stringMatch('Condition on the origin.')),
    exposeHeaders: array('Headers that scripts may read.', string('Name of a header.')),
    maxAge: duration('How long a preflight answer may be kept, in whole seconds.'),
    unmatchedPreflights: oneOf('What happens to preflights of other origins.', ['UNSPECIFIED', 'FORWARD', 'IGNORE']),
  },
  { deprecated: { allowOrigin: 'use allowOrigins' } },
);

const retries = object('When and how often a failed request is sent again.', {
  attempts: int32('How often, beside the first try; 0 disables retries.'),
  backoff: duration('Shortest wait between tries, default 25ms.'),
  perTryTimeout: duration('Limit for one try, default the timeout of the route.'),
  retryIgnorePreviousHosts: boolean('Whether a retry avoids the hosts already tried, default true.', {
    nullable: true,
  }),
  retryOn: string('Conditions, comma-separated: names of Envoy and gRPC, and HTTP status codes.'),
  retryRemoteLocalities: boolean('Whether a retry may go to other localities.', { nullable: true }),
});

const rewrite = object('Changes what the service sees.', {
  authority: string('Replaces the host.'),
  uri: string('Replaces the matched prefix, or the whole path of an exact match.'),
  uriRegexRewrite: object('Replaces by regular expression.', {
    match: string('RE2 expression on the path.'),
    rewrite: string('Replacement; `\\1` is the first group.'),
  }),
});

const mirrors = array(
  'Services that get copies of requests; their answers are dropped.',
  object(
    'A copy.',
    { destination: destination('Where copies go.'), percentage: percent('Share of the requests; absent means all.') },
    { required: ['destination'] },
  ),
);

const httpRoute = object(
  'A rule for HTTP, HTTP/2 and gRPC; the first that matches decides.',
  {
    corsPolicy,
    delegate: object('Another VirtualService whose rules apply.', {
      name: string('Its name.'),
      namespace: string('Its namespace, default that of this resource.'),
    }),
    directResponse,
    fault,
    headers,
    match: array('Alternatives, one of which must match; none means everything.', httpMatch),
    mirror: destination('A service that gets copies of requests.'),
    mirror_percent: uint32('Share of copied requests in whole percent.', { nullable: true }),
    mirrorPercent: uint32('Share of copied requests in whole percent.', { nullable: true }),
    mirrorPercentage: percent('Share of copied requests; absent means all.'),
    mirrors,
    name: string('Name of the rule, for access logs and dumps.'),
    redirect,
    retries,
    rewrite,
    route: array('Where requests go.', httpRouteDestination),
    timeout: duration('Limit for the whole request; default none.'),
  },
  { deprecated: { mirrorPercent: 'use mirrorPercentage', mirror_percent: 'use mirrorPercentage' } },
);

const tcpMatch = object('Conditions on a connection, all of which must hold.', {
  destinationSubnets: array('Addresses that the connection is for.', string('Address or CIDR.')),
  gateways: array('Gateways to which the match applies.', string('`<namespace>/<name>`, `<name>` or `mesh`.')),
  port: uint32('Port that the connection is for.'),
  sourceLabels: map('Labels that the calling workload must have.', string('Value of the label.')),
  sourceNamespace: string('Namespace of the calling workload.'),
  sourceSubnet: string('Not supported.'),
});

const tlsMatch = object(
  'Conditions on a TLS connection, all of which must hold.',
  {
    destinationSubnets: array('Addresses that the connection is for.', string('Address or CIDR.')),
    gateways: array('Gateways to which the match applies.', string('`<namespace>/<name>`, `<name>` or `mesh`.')),
    port: uint32('Port that the connection is for.'),
    sniHosts: array('Names that the client asks for, each within a host of the resource.', string('Host name.')),
    sourceLabels: map('Labels that the calling workload must have.', string('Value of the label.')),
    sourceNamespace: string('Namespace of the calling workload.'),
  },
  { required: ['sniHosts'] },
);

export const virtualServiceSpec = object('Routing of requests for hosts.', {
  exportTo: array('Namespaces that see the resource; default all.', string('Namespace, `.` or `*`.')),
  gateways: array(
    'Gateways and sidecars (`mesh`) to which the rules apply; default `mesh`.',
    string('`<namespace>/<name>`, `<name>` or `mesh`.'),
  ),
  hosts: array('Hosts to which the rules apply; none makes it a delegate.', string('Host name, may begin with `*`.')),
  http: array('Rules for HTTP, HTTP/2 and gRPC, in order.', httpRoute),
  tcp: array(
    'Rules for opaque connections, in order.',
    object('A rule for connections.', {
      match: array('Alternatives, one of which must match; none means everything.', tcpMatch),
      route: array('Where connections go.', routeDestination),
    }),
  ),
  tls: array(
    'Rules for TLS that is passed through, in order.',
    object(
      'A rule for TLS connections.',
      {
        match: array('Alternatives, one of which must match.', tlsMatch),
        route: array('Where connections go.', routeDestination),
      },
      { required: ['match'] },
    ),
  ),
});

export type VirtualServiceSpec = TypeOf<typeof virtualServiceSpec>;
export type HttpRoute = TypeOf<typeof httpRoute>;
export type HttpMatchRequest = TypeOf<typeof httpMatch>;
export type HttpRouteDestination = TypeOf<typeof httpRouteDestination>;
export type RouteDestination = TypeOf<typeof routeDestination>;
export type HttpRedirect = TypeOf<typeof redirect>;
export type HttpDirectResponse = TypeOf<typeof directResponse>;
export type HttpFault = TypeOf<typeof fault>;
export type HttpRewrite = TypeOf<typeof rewrite>;
export type HttpRetry = TypeOf<typeof retries>;
export type CorsPolicy = TypeOf<typeof corsPolicy>;
export type StringMatch = NonNullable<HttpMatchRequest['uri']>;
export type TlsMatch = TypeOf<typeof tlsMatch>;
export type TcpMatch = TypeOf<typeof tcpMatch>;
export type TlsRoute = NonNullable<VirtualServiceSpec['tls']>[number];
export type TcpRoute = NonNullable<VirtualServiceSpec['tcp']>[number];
export type { Destination, HeaderOperations } from './route-parts.ts';
